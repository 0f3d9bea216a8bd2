/** What a driver may say of itself beside where it is: flat, at most 16 keys. */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** About how many characters attributes are. They may be most of a fix. */
export function lengthOf(attributes: Attributes | undefined): number {
  let length = 0;
  for (const key in attributes) {
    const value = attributes[key];
    length += key.length + (typeof value === 'string' ? value.length : 8);
  }
  return length;
}

/** One timestamped reading that a driver sent. */
export interface Fix {
  readonly driverId: string;
  /** WGS84 degrees, −90 … 90. */
  readonly lat: number;
  /** WGS84 degrees, −180 … 180. */
  readonly lng: number;
  /** When the reading was taken, by the device's clock: epoch milliseconds, whole. Absent: by the server's. */
  readonly timestamp?: number;
  /** Metres, 95 % confidence. */
  readonly accuracy?: number;
  /** Metres above the WGS84 ellipsoid. */
  readonly altitude?: number;
  /** Degrees clockwise from true north, 0 … 360. */
  readonly heading?: number;
  /** Metres per second. */
  readonly speed?: number;
  /** Absent: the driver's last ones stay. Present: they replace them. */
  readonly attributes?: Attributes;
}

/** The latest accepted fix of a driver. */
export interface Position extends Fix {
  readonly timestamp: number;
  /** When the server received it: epoch milliseconds. */
  readonly receivedAt: number;
}

/** Why a fix was refused. */
export type RefusalCode = 'invalid' | 'future' | 'forbidden' | 'unavailable';

/**
 * What became of a fix: `accepted` is the new position, `duplicate` has the position's timestamp,
 * `late` is older than the position and moves nothing.
 */
export type Verdict = 'accepted' | 'duplicate' | 'late' | 'refused';
