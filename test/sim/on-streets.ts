import type { CitySettings } from '../../src/sim/city.ts';

/** A place: degrees. */
export interface Degrees {
  readonly lat: number;
  readonly lng: number;
}

const RADIANS = Math.PI / 180;
const A = 6_378_137;
const F = 1 / 298.257223563;

/** WGS84 to metres from the middle of the Earth, by the textbook. */
function ecef({ lat, lng }: Degrees): [number, number, number] {
  const e2 = F * (2 - F);
  const n = A / Math.sqrt(1 - e2 * Math.sin(lat * RADIANS) ** 2);
  const parallel = n * Math.cos(lat * RADIANS);
  return [
    parallel * Math.cos(lng * RADIANS),
    parallel * Math.sin(lng * RADIANS),
    n * (1 - e2) * Math.sin(lat * RADIANS),
  ];
}

/** Metres east and north of a centre, as seen on the plane that touches there: right to 2 mm within 5 km. */
export function onPlane(centre: Degrees, place: Degrees): [x: number, y: number] {
  const [x, y, z] = ecef(place).map((value, n) => value - ecef(centre)[n]);
  const [sinLat, cosLat] = [Math.sin(centre.lat * RADIANS), Math.cos(centre.lat * RADIANS)];
  const [sinLng, cosLng] = [Math.sin(centre.lng * RADIANS), Math.cos(centre.lng * RADIANS)];
  return [-sinLng * x + cosLng * y, -sinLat * cosLng * x - sinLat * sinLng * y + cosLat * z];
}

/** Metres from a place to the straight line between two others near by. */
export function fromLine(place: Degrees, one: Degrees, other: Degrees): number {
  const [ax, ay] = onPlane(place, one);
  const [bx, by] = onPlane(place, other);
  const [dx, dy] = [bx - ax, by - ay];
  const square = dx * dx + dy * dy;
  const share = square === 0 ? 0 : Math.min(1, Math.max(0, -(ax * dx + ay * dy) / square));
  return Math.hypot(ax + share * dx, ay + share * dy);
}

/** Degrees from north, clockwise, from one place to another near by. */
export function bearingOf(from: Degrees, to: Degrees): number {
  const dLng = ((to.lng - from.lng + 540) % 360) - 180;
  const lat = ((from.lat + to.lat) / 2) * RADIANS;
  // A degree of a meridian against one of a parallel, by their radii of curvature.
  const e2 = F * (2 - F);
  const ratio = (1 - e2) / (1 - e2 * Math.sin(lat) ** 2);
  return (Math.atan2(dLng * Math.cos(lat), (to.lat - from.lat) * ratio) / RADIANS + 360) % 360;
}

/** Degrees between two directions. */
export function angle(a: number, b: number): number {
  return Math.abs(((a - b + 540) % 360) - 180);
}

/** Metres from a place to the nearest line of the grid, by the settings alone. */
export function fromGrid(settings: CitySettings, place: Degrees): number {
  const [x, y] = onPlane(settings, place);
  const turn = settings.bearing * RADIANS;
  const across = x * Math.cos(turn) - y * Math.sin(turn);
  const along = x * Math.sin(turn) + y * Math.cos(turn);
  const off = (metres: number, block: number) => Math.abs(metres - Math.round(metres / block) * block);
  return Math.min(off(across, settings.blockWidth), off(along, settings.blockLength));
}
