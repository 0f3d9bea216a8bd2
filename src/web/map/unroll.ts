import type { Position } from 'geojson';

/**
 * A line over the antimeridian with longitudes that count on, beyond ±180°, where the data's jump to the other side:
 * MapLibre draws what is beyond on the other side of the world.
 */
export function unrolled(line: readonly Position[]): Position[] {
  let turn = 0;
  let before = line[0]?.[0] ?? 0;
  return line.map(([lng, lat]) => {
    if (lng - before > 180) turn -= 360;
    else if (before - lng > 180) turn += 360;
    before = lng;
    return [lng + turn, lat];
  });
}

/**
 * A polygon of the globe as one of the plane: unrolled, with its holes where it is. A ring around the South Pole, which
 * ends a world away from where it began, is closed along the map's lower end; a hole around the pole is that end.
 */
export function unrolledPolygon(rings: readonly (readonly Position[])[]): Position[][] {
  const outer = unrolled(rings[0]);
  const middle = (outer[0][0] + lastOf(outer)[0]) / 2;
  if (goesRound(outer)) outer.push([lastOf(outer)[0], -90], [outer[0][0], -90], outer[0]);
  const polygon = [outer];
  for (const each of rings.slice(1)) {
    const hole = unrolled(each);
    if (goesRound(hole)) continue;
    const turn = 360 * Math.round((middle - hole[0][0]) / 360);
    polygon.push(turn === 0 ? hole : hole.map(([lng, lat]) => [lng + turn, lat]));
  }
  return polygon;
}

function goesRound(ring: readonly Position[]): boolean {
  return Math.abs(lastOf(ring)[0] - ring[0][0]) > 180;
}

function lastOf(ring: readonly Position[]): Position {
  return ring[ring.length - 1];
}
