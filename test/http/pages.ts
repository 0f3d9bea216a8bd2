import { expect } from 'vitest';
import type { Message } from '../support/client.ts';
import { type TestServer, token } from '../support/server.ts';

/** The order of driverIds: of their UTF-8 bytes. */
export const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** A box around a city. */
export const CITY = '-74.1,40.6,-73.9,40.8';
/** The same box as a polygon. */
export const CITY_POLYGON = {
  type: 'Polygon',
  coordinates: [
    [
      [-74.1, 40.6],
      [-73.9, 40.6],
      [-73.9, 40.8],
      [-74.1, 40.8],
      [-74.1, 40.6],
    ],
  ],
};

/** How to ask; with no body, by GET. */
export interface How {
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  /** Called between two pages. */
  readonly between?: () => void;
}

/** One page; it must be well. */
export async function ask(server: TestServer, path: string, { body, headers }: How = {}): Promise<Message> {
  const own = { authorization: `Bearer ${token()}`, ...headers };
  const response = await (body === undefined ? server.get(path, own) : server.post(path, body, own));
  const answer = await response.json();
  expect(response.status, JSON.stringify(answer)).toBe(200);
  return answer;
}

/** All drivers of all pages, by following `next` as it is. Checks what holds of any list. */
export async function list(server: TestServer, path: string, how: How = {}): Promise<Message[]> {
  const drivers: Message[] = [];
  let last: string | undefined;
  for (let next: string | undefined = path; next !== undefined; ) {
    const page: Message = await ask(server, next, how);
    expect(page.truncated ?? false).toBe(page.next !== undefined);
    for (const driver of page.drivers) {
      if (last !== undefined)
        expect(byBytes(last, driver.driverId), `${last} before ${driver.driverId}`).toBeLessThan(0);
      last = driver.driverId;
      drivers.push(driver);
    }
    expect(page.next).not.toBe(next);
    next = page.next;
    if (next !== undefined) how.between?.();
  }
  return drivers;
}

/** Puts drivers where they are, by the core: HTTP would take its time with thousands. */
export function put(
  server: TestServer,
  drivers: readonly {
    readonly driverId: string;
    readonly lat: number;
    readonly lng: number;
    readonly timestamp?: number;
    readonly attributes?: Record<string, string | number | boolean>;
  }[],
  fleet = 'default',
): void {
  const verdicts = new Set(drivers.map((driver) => server.tracker.accept(fleet, driver)));
  expect([...verdicts]).toEqual(['accepted']);
}

/** The ids of drivers. */
export const ids = (drivers: readonly Message[]): string[] => drivers.map(({ driverId }) => driverId);

/** The rules that a request broke, by field. */
export type Faults = Record<string, string>;

/** The faults of an answer, which must be a problem of code `invalid`. */
export async function faultsOf(response: { readonly status: number; json(): Promise<Message> }): Promise<Faults> {
  const problem = await response.json();
  expect([response.status, problem.code], JSON.stringify(problem)).toEqual([400, 'invalid']);
  return Object.fromEntries(problem.errors.map(({ field, message }: Message) => [field, message]));
}
