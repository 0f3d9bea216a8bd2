import { NearcastError } from './errors.ts';
import type { Attributes, Position, TrackPage } from './wire.ts';

/** Which part of a driver’s history to read. */
export interface HistoryQuery {
  /** The first moment, included: epoch milliseconds, or ISO 8601 with an offset. Absent: all that is kept. */
  readonly from?: number | string;
  /** The last moment, included. Absent: up to the newest fix. */
  readonly to?: number | string;
  /** Metres: leaves out fixes that are not further than this from the line through the others. */
  readonly simplify?: number;
  /** The most fixes to fetch at a time: 1 … 10,000; 1,000 when absent. */
  readonly limit?: number;
}

/** What answers a call, by its path; parsed. */
type Get = (path: string) => Promise<unknown>;

/** The fixes of a driver, oldest first. A page is fetched when the one before has been read. */
export async function* readHistory(get: Get, driverId: string, query: HistoryQuery): AsyncGenerator<Position, void> {
  for (let path: string | undefined = historyPath(driverId, query); path !== undefined; ) {
    const page = (await get(path)) as TrackPage;
    if (!Array.isArray(page.properties?.timestamps)) {
      throw new NearcastError('protocol', `What ${path} answered is no track.`);
    }
    yield* fixesOf(page);
    // Paths of the server begin at its root, which may be anywhere.
    path = page.properties.next?.replace(/^\//, '');
  }
}

/** The path, with its query, that asks for the first page. */
function historyPath(driverId: string, query: HistoryQuery): string {
  const asked = new URLSearchParams();
  for (const name of ['from', 'to', 'simplify', 'limit'] as const) {
    if (query[name] !== undefined) asked.set(name, String(query[name]));
  }
  return `v1/drivers/${encodeURIComponent(driverId)}/track?${asked}`;
}

/** The fixes of a page, each with all that is known of it. */
function* fixesOf({ geometry, properties }: TrackPage): Generator<Position> {
  const { driverId, timestamps, receivedAt } = properties;
  const coordinates =
    geometry === null ? [] : geometry.type === 'Point' ? [geometry.coordinates] : geometry.coordinates;
  const changes = new Map(properties.attributes?.map(({ index, attributes }) => [index, attributes]));
  let attributes: Attributes = {};
  for (const [index, [longitude, latitude, high]] of coordinates.entries()) {
    attributes = changes.get(index) ?? attributes;
    const fix: { -readonly [Key in keyof Position]: Position[Key] } = {
      driverId,
      latitude,
      longitude,
      timestamp: timestamps[index],
      receivedAt: receivedAt[index],
    };
    const altitude = high ?? properties.altitude?.[index] ?? undefined;
    if (altitude !== undefined) fix.altitude = altitude;
    for (const name of ['accuracy', 'heading', 'speed'] as const) {
      const value = properties[name]?.[index] ?? undefined;
      if (value !== undefined) fix[name] = value;
    }
    if (Object.keys(attributes).length > 0) fix.attributes = attributes;
    yield fix;
  }
}
