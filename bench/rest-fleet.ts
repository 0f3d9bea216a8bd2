import type { Position } from '../src/fix.ts';
import { seededRandom } from '../src/sim/random.ts';
import { city, draw, type Places } from './places.ts';

const STATUSES = ['available', 'available', 'busy', 'busy', 'break'] as const;
/** Degrees: 7 decimals are a centimetre, which is what phones send. */
const DEGREES = 1e7;

/** Drivers that stand still in the city. */
export interface RestFleet {
  readonly at: Places;
  status(driver: number): string;
  /** @param timestamp epoch milliseconds */
  position(driver: number, timestamp: number): Position;
}

/** The same fleet for the same seed, in whatever process. */
export function restFleet(drivers: number, seed: number): RestFleet {
  const random = seededRandom(seed);
  const round = (degrees: number) => Math.round(degrees * DEGREES) / DEGREES;
  const { lats, lngs } = draw(city(), drivers, random);
  const at = { lats: lats.map(round), lngs: lngs.map(round) };
  const headings = Float64Array.from(lats, () => Math.floor(360 * random()));
  const speeds = Float64Array.from(lats, () => Math.round(150 * random()) / 10);
  const status = (driver: number) => STATUSES[driver % STATUSES.length];
  return {
    at,
    status,
    position: (driver, timestamp) => ({
      driverId: driverId(driver),
      lat: at.lats[driver],
      lng: at.lngs[driver],
      timestamp,
      accuracy: 5,
      heading: headings[driver],
      speed: speeds[driver],
      attributes: { status: status(driver), seats: driver % 3 === 0 ? 6 : 4 },
      receivedAt: timestamp,
    }),
  };
}

const PREFIX = 'driver-';

function driverId(driver: number): string {
  return `${PREFIX}${String(driver).padStart(7, '0')}`;
}

/** The number in a driver's id. */
export function driverNumber(id: string): number {
  return Number(id.slice(PREFIX.length));
}
