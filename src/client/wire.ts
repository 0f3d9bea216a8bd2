/** What a driver says of itself beside where it is: flat, at most 16 keys. */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** The latest accepted fix of a driver. Fields that are not known are absent. */
export interface Position {
  readonly driverId: string;
  /** WGS84 degrees north, −90 … 90. */
  readonly latitude: number;
  /** WGS84 degrees east, −180 … 180. */
  readonly longitude: number;
  /** When the fix was taken, by the device’s clock: epoch milliseconds. */
  readonly timestamp: number;
  /** Metres, 95 % confidence. */
  readonly accuracy?: number;
  /** Metres above the WGS84 ellipsoid. */
  readonly altitude?: number;
  /** Degrees clockwise from true north, 0 … 360. */
  readonly heading?: number;
  /** Metres per second. */
  readonly speed?: number;
  readonly attributes?: Attributes;
  /** When the server received it, by its clock: epoch milliseconds. */
  readonly receivedAt: number;
}

/** A position, with how far it is from the centre that was asked about. */
export interface PositionAtDistance extends Position {
  /** Metres along the WGS84 ellipsoid, to one decimal. */
  readonly distance: number;
}

/** The answer of `nearby`: nearest first, equally far ones by driverId. */
export interface Nearby {
  /** The server’s clock, epoch milliseconds. */
  readonly serverTime: number;
  /** Opaque mark of this moment, from which a watch of the same area can go on. */
  readonly cursor: string;
  /** More drivers were within the radius than `limit`. */
  readonly truncated?: true;
  readonly drivers: readonly PositionAtDistance[];
}

/** A page of a driver’s history, as a GeoJSON Feature; its lists are in the order of the coordinates. */
export interface TrackPage {
  readonly type: 'Feature';
  readonly id: string;
  readonly geometry:
    | { readonly type: 'LineString'; readonly coordinates: readonly (readonly number[])[] }
    | { readonly type: 'Point'; readonly coordinates: readonly number[] }
    | null;
  readonly properties: {
    readonly driverId: string;
    readonly timestamps: readonly number[];
    readonly receivedAt: readonly number[];
    readonly altitude?: readonly (number | null)[];
    readonly accuracy?: readonly (number | null)[];
    readonly heading?: readonly (number | null)[];
    readonly speed?: readonly (number | null)[];
    /** Each entry is of the fix of its index and of those after it, up to the next. */
    readonly attributes?: readonly { readonly index: number; readonly attributes: Attributes }[];
    readonly serverTime: number;
    readonly truncated?: true;
    readonly next?: string;
  };
}

/** A fix as it is sent. */
export interface Fix {
  /** May be left out when the subject of the token is the driver. */
  readonly driverId?: string;
  /** WGS84 degrees north, −90 … 90. */
  readonly latitude: number;
  /** WGS84 degrees east, −180 … 180. */
  readonly longitude: number;
  /** When it was taken, by the device’s clock: epoch milliseconds, or ISO 8601 with an offset. */
  readonly timestamp?: number | string | null;
  /** Metres, 95 % confidence. */
  readonly accuracy?: number | null;
  /** Metres above the WGS84 ellipsoid. */
  readonly altitude?: number | null;
  /** Degrees clockwise from true north, 0 … 360. */
  readonly heading?: number | null;
  /** Metres per second. */
  readonly speed?: number | null;
  /** Absent: the driver’s last ones stay. Present: they replace them. */
  readonly attributes?: Attributes | null;
}

/**
 * What became of a fix: `accepted` is the new position, `duplicate` has the position’s timestamp, `late` is older than the
 * position and moves nothing, `refused` breaks a rule.
 */
export type Verdict = 'accepted' | 'duplicate' | 'late' | 'refused';

/** A verdict and, of a refusal, why. */
export interface Result {
  readonly verdict: Verdict;
  readonly code?: 'invalid' | 'future' | 'forbidden' | 'unavailable';
  /** Names the field and its rule. */
  readonly message?: string;
}

/** One broken rule: the field (a path such as `positions.3.latitude`, or '' for the whole) and what it must be. */
export interface Fault {
  readonly field: string;
  readonly message: string;
}

/** The codes of the server’s errors. */
export type ServerErrorCode =
  | 'invalid'
  | 'future'
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'too_large'
  | 'unsupported'
  | 'limit'
  | 'unavailable'
  | 'internal';

/**
 * Why a driver is no longer inside: it left the area, was not heard of for too long, went off duty, or no longer meets the
 * condition.
 */
export type ExitReason = 'left' | 'stale' | 'offline' | 'filtered';

/** Of a watch around a driver: whether that driver is known, and if not, why. While it is not, nobody is inside. */
export type Followed = 'here' | 'stale' | 'offline' | 'unknown';

/** Everything inside an area; or, resumed, what changed since the cursor that was sent. */
export interface SnapshotMessage {
  readonly type: 'snapshot';
  readonly subscription: string;
  readonly cursor: string;
  readonly serverTime: number;
  readonly resumed: boolean;
  readonly drivers: readonly Position[];
  /** Resumed: who is inside as before. Whoever is neither here nor in `drivers` has left. */
  readonly unchanged?: readonly string[];
  readonly followed?: Followed;
}

/** Who came, moved and went since the message before. */
export interface ChangesMessage {
  readonly type: 'changes';
  readonly subscription: string;
  readonly cursor: string;
  readonly serverTime: number;
  readonly enter?: readonly Position[];
  readonly move?: readonly Position[];
  readonly exit?: readonly { readonly driverId: string; readonly reason: ExitReason }[];
  readonly followed?: Followed;
}

/** Why an event stream is over. */
export interface CloseEvent {
  /** In the numbers of the close codes of a WebSocket. */
  readonly code: number;
  readonly reason: string;
  /** Seconds to wait before coming back. */
  readonly retryAfter?: number;
}

/** What is wrong with a message, a subscription or, where it names neither, the connection. */
export interface ErrorMessage {
  readonly type: 'error';
  readonly code: ServerErrorCode;
  readonly message: string;
  readonly field?: string;
  readonly id?: string | number;
  readonly subscription?: string;
  /** Seconds to wait before coming back. */
  readonly retryAfter?: number;
}

/** The verdict on one fix, or on each of several. */
export interface AckMessage extends Partial<Result> {
  readonly type: 'ack';
  readonly id: string | number;
  readonly results?: readonly Result[];
}

/** A message of the server, as far as this client knows them. */
export type ServerMessage =
  | SnapshotMessage
  | ChangesMessage
  | ErrorMessage
  | AckMessage
  | { readonly type: 'unsubscribed'; readonly subscription: string }
  | { readonly type: 'authenticated'; readonly expiresAt: number }
  | { readonly type: 'expiring'; readonly expiresAt: number; readonly serverTime: number }
  | { readonly type: 'pong'; readonly id?: string | number; readonly serverTime: number };
