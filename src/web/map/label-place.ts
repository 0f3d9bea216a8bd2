type Ring = readonly (readonly number[])[];

/** How many parallels are tried through a ring. */
const TRIES = 15;

/** Where a horizontal text has most room in a ring: the middle of the widest stretch of a parallel through it. */
export function labelPlace(ring: Ring): [lng: number, lat: number] {
  let south = 90;
  let north = -90;
  for (const [, lat] of ring) {
    south = Math.min(south, lat);
    north = Math.max(north, lat);
  }
  let best: [number, number] = [ring[0][0], ring[0][1]];
  let most = -1;
  for (let k = 1; k < TRIES; k++) {
    const lat = south + ((north - south) * k) / TRIES;
    // A stretch counts for less near the ends, where there is little height.
    const height = Math.sqrt(Math.min(k, TRIES - k) / TRIES);
    const at = crossings(ring, lat);
    for (let i = 0; i + 1 < at.length; i += 2) {
      const room = (at[i + 1] - at[i]) * Math.cos((lat * Math.PI) / 180) * height;
      if (room <= most) continue;
      most = room;
      best = [(at[i] + at[i + 1]) / 2, lat];
    }
  }
  return best;
}

/** Where a parallel crosses a ring, west to east. */
function crossings(ring: Ring, lat: number): number[] {
  const found: number[] = [];
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
    const [x, y] = ring[i];
    const [fromX, fromY] = ring[j];
    if (y > lat !== fromY > lat) found.push(fromX + ((lat - fromY) / (y - fromY)) * (x - fromX));
  }
  return found.sort((a, b) => a - b);
}

/** A ring's size, square degrees as they are at its latitude. */
export function ringSize(ring: Ring): number {
  let twice = 0;
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
    const [x, y] = ring[i];
    const [fromX, fromY] = ring[j];
    twice += (x - fromX) * (Math.sin((y * Math.PI) / 180) + Math.sin((fromY * Math.PI) / 180));
  }
  return (Math.abs(twice) / 2) * (180 / Math.PI);
}
