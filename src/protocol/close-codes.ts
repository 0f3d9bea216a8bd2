/**
 * Why the server closed a WebSocket. The number says what to do: 1001 and 45xx, reconnect with back-off; 44xx, do not
 * without changing something.
 */
export const CLOSE = {
  goingAway: 1001,
  badMessages: 4400,
  unauthorized: 4401,
  forbidden: 4403,
  authenticationTimeout: 4408,
  limit: 4429,
  unavailable: 4503,
  slow: 4508,
  overloaded: 4513,
} as const;

/** Why the server ended a replay, beside the above. After the first there is nothing to come back for. */
export const REPLAY_CLOSE = {
  ended: 1000,
  failed: 1011,
  unavailable: 1013,
  limit: 4429,
} as const;

/** What a peer does about a close. */
export const REMEDIES = {
  reconnect: 'reconnect with back-off',
  token: 'do not reconnect without a new token',
  change: 'do not reconnect without changing something',
} as const;

/** A close code, for whoever reads the contract. */
export interface CloseCode {
  readonly code: number;
  readonly why: string;
  readonly remedy: keyof typeof REMEDIES;
}

const OWN: Readonly<Record<keyof typeof CLOSE, Omit<CloseCode, 'code'>>> = {
  goingAway: {
    why: 'The server is going away. An `error` of code `unavailable` comes before it; its `retryAfter` is the least to wait',
    remedy: 'reconnect',
  },
  badMessages: { why: 'Only bad messages', remedy: 'change' },
  unauthorized: { why: 'No valid token, or it has ended or was revoked', remedy: 'token' },
  forbidden: { why: 'The new token does not fit the connection', remedy: 'change' },
  authenticationTimeout: { why: 'No authentication in time', remedy: 'change' },
  limit: {
    why: 'The subject has as many connections as it may have. An `error` of code `limit` comes before it',
    remedy: 'change',
  },
  unavailable: {
    why: 'The token cannot be judged now. An `error` of code `unavailable` comes before it; its `retryAfter` is the least to wait',
    remedy: 'reconnect',
  },
  slow: { why: 'Slow: what waited was not read', remedy: 'reconnect' },
  overloaded: {
    why: 'Too much to do for a new connection. An `error` of code `unavailable` comes before it; its `retryAfter` is the least to wait',
    remedy: 'reconnect',
  },
};

const own = Object.keys(CLOSE) as (keyof typeof CLOSE)[];
const codes: CloseCode[] = [
  { code: 1002, why: 'A frame that breaks RFC 6455', remedy: 'change' },
  { code: 1008, why: 'A message in more than 16,384 frames, or in crumbs', remedy: 'change' },
  { code: 1007, why: 'A frame that is not UTF-8', remedy: 'change' },
  { code: 1009, why: 'A frame of more than 1 MiB', remedy: 'change' },
  ...own.map((name) => ({ code: CLOSE[name], ...OWN[name] })),
];

/** The codes that a client is told by: of RFC 6455 those that its frames bring about, and the server's own. */
export const CLOSE_CODES: readonly CloseCode[] = codes.sort((a, b) => a.code - b.code);
