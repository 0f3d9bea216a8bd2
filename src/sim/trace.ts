/** A recorded fix, with its original timestamp. */
export interface TraceFix {
  readonly driverId: string;
  /** Epoch milliseconds. */
  readonly t: number;
  /** The other fields of a fix, as the API takes them. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A line that holds no fix, and why. */
export interface Unreadable {
  readonly problem: string;
}

/** The largest time that a JavaScript Date can hold, in epoch milliseconds. */
const MAX_TIME = 8.64e15;
/** Measurements that a fix has fields for; all else is an attribute. */
const MEASUREMENTS = new Set(['speed', 'heading', 'accuracy', 'altitude']);

/**
 * Reads a line `{"id","t" (epoch ms),"lat","lon",…}`. `speed`, `heading`, `accuracy` and `altitude` become fields of
 * the fix where they are numbers; other fields become attributes where they are a string, a number or a boolean.
 * Whether the values make sense is left to the server, so that its verdict is seen.
 */
export function parseTraceLine(text: string): TraceFix | Unreadable {
  let line: unknown;
  try {
    line = JSON.parse(text);
  } catch {
    return { problem: text.trim() === '' ? 'empty' : 'not JSON' };
  }
  if (typeof line !== 'object' || line === null || Array.isArray(line)) return { problem: 'not a JSON object' };
  const { id, t, lat, lon, ...others } = line as Record<string, unknown>;
  if (!((typeof id === 'string' && id !== '') || Number.isFinite(id))) return { problem: 'no "id"' };
  if (typeof t !== 'number' || !(Math.abs(t) <= MAX_TIME)) return { problem: 'no "t" in epoch milliseconds' };
  if (!Number.isFinite(lat)) return { problem: 'no "lat"' };
  if (!Number.isFinite(lon)) return { problem: 'no "lon"' };
  const fields: Record<string, unknown> = { latitude: lat, longitude: lon };
  const attributes: [string, unknown][] = [];
  for (const [name, value] of Object.entries(others)) {
    if (MEASUREMENTS.has(name)) {
      if (Number.isFinite(value)) fields[name] = value;
    } else if (typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)) {
      attributes.push([name, value]);
    }
  }
  if (attributes.length > 0) fields.attributes = Object.fromEntries(attributes);
  return { driverId: String(id), t, fields };
}
