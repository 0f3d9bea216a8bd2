import { memberSeed, seededRandom } from '../src/sim/random.ts';
import { fault, truth } from './judge.ts';
import { city, draw } from './places.ts';
import { driverNumber, type RestFleet } from './rest-fleet.ts';

/** Metres. */
export const RADIUS = 2000;
/** Queries that are asked in turn, and those of them that are compared with brute force. */
const QUERIES = 2000;
const CHECKED = 25;
const AT_ONCE = 50;
/** Distances come with one decimal. */
const ROUNDED = { share: 0, metres: 0.0501 };

/** A kind of query, and the bare route's path with its bodies. */
export interface Scenario {
  readonly name: string;
  readonly path: string;
  readonly limit: number;
  readonly status?: string;
}

export const SCENARIOS: readonly Scenario[] = [
  { name: 'nearby, limit 10', path: 'ten', limit: 10 },
  { name: 'nearby, limit 10, available', path: 'available', limit: 10, status: 'available' },
  { name: 'nearby, limit 100', path: 'hundred', limit: 100 },
];

/** A query, as the end of a URL, and its answer. */
export interface Asked {
  readonly search: string;
  readonly body: string;
}

/** Asks every query once, and compares some answers with brute force. @throws {Error} when one is wrong */
export async function ask(scenario: Scenario, port: number, token: string, fleet: RestFleet, seed: number) {
  const { limit, status } = scenario;
  const { lats, lngs } = draw(city(), QUERIES, seededRandom(memberSeed(seed, limit)));
  const filter = status === undefined ? '' : `&attributes.status=${status}`;
  const asked: Asked[] = [];
  for (let from = 0; from < QUERIES; from += AT_ONCE) {
    const some = Array.from({ length: AT_ONCE }, async (_, i): Promise<Asked> => {
      const lat = Number(lats[from + i].toFixed(6));
      const lng = Number(lngs[from + i].toFixed(6));
      const search = `?latitude=${lat}&longitude=${lng}&radius=${RADIUS}&limit=${limit}${filter}`;
      const answer = await fetch(`http://127.0.0.1:${port}/v1/drivers/nearby${search}`, {
        headers: { authorization: `Bearer ${token}` },
      });
      const body = await answer.text();
      if (answer.status !== 200) throw new Error(`WRONG: ${search} gave ${answer.status}: ${body}`);
      const wrong = from + i < CHECKED ? wrongIn(body, scenario, fleet, lat, lng) : undefined;
      if (wrong !== undefined) throw new Error(`WRONG: ${search}: ${wrong}`);
      return { search, body };
    });
    asked.push(...(await Promise.all(some)));
  }
  return asked;
}

/** What is wrong with an answer by brute force, or nothing. */
function wrongIn(body: string, { limit, status }: Scenario, fleet: RestFleet, lat: number, lng: number) {
  const { drivers } = JSON.parse(body) as { drivers: { driverId: string; distance: number }[] };
  const found = {
    drivers: drivers.map(({ driverId }) => driverNumber(driverId)),
    distances: drivers.map(({ distance }) => distance),
  };
  const accept = (driver: number) => status === undefined || fleet.status(driver) === status;
  if (!found.drivers.every(accept)) return `it holds one who is not ${status}`;
  const right = truth(fleet.at, lat, lng, RADIUS, limit, accept);
  return fault(found, right, fleet.at, [lat, lng, RADIUS, limit], ROUNDED);
}

/** All of an answer but the moment that it was given at. */
export function timeless(body: string): string {
  return body.replace(/"serverTime":\d+/, '');
}

export function request(port: number, path: string, token: string): Buffer {
  return Buffer.from(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nauthorization: Bearer ${token}\r\n\r\n`);
}
