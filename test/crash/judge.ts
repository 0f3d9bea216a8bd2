import { isDeepStrictEqual } from 'node:util';
import { cellToParent, latLngToCell } from 'h3-js';
import type { DriverLedger, Ledger, SentFix } from './ledger.ts';
import type { Row, Tables } from './tables.ts';

/** A driver as the API tells of it; undefined when it knows none. */
export type Told = Readonly<Record<string, unknown>> | undefined;

/** H3 resolutions of the cells in the tables: that of `positions`, and that of its ancestor in `fixes`. */
const RESOLUTION = { positions: 15, fixes: 6 } as const;

/**
 * What is wrong with the tables, given all that was sent and said: what was acknowledged is there, with its exact values,
 * nothing is there that was never sent, nothing twice, and the position of each driver is one that it may have.
 */
export function judgeTables(ledger: Ledger, { positions, fixes }: Tables): string[] {
  const faults: string[] = [];
  const seen = { positions: new Set<string>(), fixes: new Set<string>() };
  for (const table of ['positions', 'fixes'] as const) {
    for (const row of table === 'positions' ? positions : fixes) {
      const key = table === 'positions' ? nameOf(row) : `${nameOf(row)} at ${row.timestamp}`;
      if (seen[table].has(key)) faults.push(`${key} is twice in ${table}`);
      seen[table].add(key);
      const driver = ledger.find(row.fleet, row.driverId);
      const fix = driver?.sent.get(row.timestamp);
      if (driver === undefined || fix === undefined) {
        faults.push(`${nameOf(row)} at ${row.timestamp} is in ${table}, and was never sent`);
      } else {
        const wrong = faultOf(row, fix, driver, RESOLUTION[table]);
        if (wrong !== undefined) faults.push(`${nameOf(row)} at ${row.timestamp} is in ${table} with ${wrong}`);
      }
    }
  }
  const latest = new Map(positions.map((row) => [nameOf(row), row.timestamp]));
  for (const driver of ledger.drivers) {
    const name = nameOf(driver);
    for (const timestamp of driver.stored) {
      if (!seen.fixes.has(`${name} at ${timestamp}`)) {
        faults.push(`${name} at ${timestamp} was acknowledged, and is not in fixes`);
      }
    }
    const possible = driver.possible();
    if (possible.size === 0) faults.push(`${name}: no order of things explains the verdicts that it got`);
    else if (!possible.has(latest.get(name))) {
      faults.push(
        `${name} is in positions at ${latest.get(name)}, and can only be at ${[...possible].map(String).join(' or ')}`,
      );
    }
  }
  return faults;
}

/** What is wrong with what the API tells of a driver, given its row in `positions`. */
export function judgeAnswer(name: string, row: Row | undefined, told: Told): string | undefined {
  if (row === undefined || told === undefined) {
    if (row === told) return undefined;
    return `the API ${told === undefined ? 'does not know' : 'knows'} ${name}, which is ${row === undefined ? 'not ' : ''}in positions`;
  }
  const wanted: Record<string, unknown> = {
    driverId: row.driverId,
    latitude: row.lat,
    longitude: row.lng,
    timestamp: row.timestamp,
    receivedAt: row.receivedAt,
    attributes: row.attributes,
  };
  for (const field of ['accuracy', 'altitude', 'heading', 'speed'] as const) wanted[field] = row[field] ?? undefined;
  const field = Object.keys(wanted).find((key) => {
    const got = key === 'attributes' ? (told[key] ?? {}) : told[key];
    return !isDeepStrictEqual(got, wanted[key]);
  });
  if (field === undefined) return undefined;
  return `the API tells of ${name} that ${field} is ${JSON.stringify(told[field])}, and in positions it is ${JSON.stringify(wanted[field])}`;
}

/** What is wrong with a driver's track as the API tells it, given its rows in `fixes`, of which each is a line of text. */
export function judgeTrack(name: string, rows: readonly Row[], track: readonly string[]): string | undefined {
  const wanted = rows.toSorted((a, b) => a.timestamp - b.timestamp).map(lineOf);
  const at = wanted.findIndex((line, i) => line !== track[i]);
  if (at < 0 && track.length === wanted.length) return undefined;
  const n = at < 0 ? wanted.length : at;
  return `the track of ${name} is at ${n} of ${wanted.length} ${track[n] ?? 'at its end'}, and in fixes it is ${wanted[n] ?? 'at its end'}`;
}

/** A fix of a track, to be compared: when, where, and when it was received. */
export function lineOf({
  timestamp,
  lat,
  lng,
  receivedAt,
}: Pick<Row, 'timestamp' | 'lat' | 'lng' | 'receivedAt'>): string {
  return `${timestamp} ${lat},${lng} ${receivedAt}`;
}

function faultOf(row: Row, fix: SentFix, driver: DriverLedger, resolution: number): string | undefined {
  const wanted: Record<string, unknown> = {
    lat: fix.latitude,
    lng: fix.longitude,
    accuracy: fix.accuracy ?? null,
    altitude: fix.altitude ?? null,
    heading: fix.heading ?? null,
    speed: fix.speed ?? null,
    cell: BigInt(`0x${cellToParent(latLngToCell(fix.latitude, fix.longitude, 15), resolution)}`).toString(),
  };
  for (const [name, value] of Object.entries(wanted)) {
    const found = row[name as keyof Row];
    if (found !== value) return `${name} ${JSON.stringify(found)} instead of ${JSON.stringify(value)}`;
  }
  if (row.receivedAt < driver.since || row.receivedAt > Date.now()) return `receivedAt ${row.receivedAt}`;
  // What it had before stays when a fix says nothing of it.
  const earlier = fix.attributes === undefined ? [{}, ...attributesOf(driver)] : [fix.attributes];
  if (earlier.some((attributes) => isDeepStrictEqual(attributes, row.attributes))) return undefined;
  return `attributes ${JSON.stringify(row.attributes)} instead of ${JSON.stringify(fix.attributes ?? 'earlier ones')}`;
}

function attributesOf({ sent }: DriverLedger): NonNullable<SentFix['attributes']>[] {
  return [...sent.values()].flatMap(({ attributes }) => (attributes === undefined ? [] : [attributes]));
}

function nameOf({ fleet, driverId }: { readonly fleet: string; readonly driverId: string }): string {
  return `${driverId} of ${fleet}`;
}
