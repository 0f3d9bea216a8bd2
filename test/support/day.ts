import { execFile } from 'node:child_process';
import type { Random } from './random.ts';

/** A made-up day as dirty as real ones: repeats, late lines, a sentinel speed, vehicles parked in one place. */
export function makeDay(random: Random, { count = 120, seconds = 3_600 } = {}): string {
  const lines: string[] = [];
  const vehicles = Array.from({ length: count }, (_, i) => ({
    id: `bus-${i}`,
    lat: 30.27 + 0.05 * random.normal(),
    lon: -97.74 + 0.05 * random.normal(),
    turn: random.between(0, 7),
  }));
  for (let t = 1_492_553_377_000, end = t + 1_000 * seconds; t < end; t += 15_000) {
    for (const vehicle of vehicles) {
      if (random.below(4) === 0) continue;
      const parked = random.below(50) === 0;
      vehicle.turn += random.between(-0.3, 0.3);
      vehicle.lat = parked ? 30.25 : vehicle.lat + 0.001 * Math.cos(vehicle.turn);
      vehicle.lon = parked ? -97.7 : vehicle.lon + 0.001 * Math.sin(vehicle.turn);
      const late = random.below(40) === 0 ? 600_000 : 0;
      const { id, lat, lon } = vehicle;
      const speed = random.below(100) === 0 ? 113.9952 : random.between(0, 20);
      const line = JSON.stringify({
        id,
        t: t - late + random.below(10) * 1000,
        lat,
        lon,
        speed,
        route: `${random.below(9)}`,
      });
      lines.push(line);
      if (random.below(30) === 0) lines.push(line);
    }
  }
  return `${lines.join('\n')}\n`;
}

/** Plays a day through the public API, by the command that users have. */
export function replay(...args: string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['src/sim/replay.ts', ...args], { maxBuffer: 1e8 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr });
    });
  });
}
