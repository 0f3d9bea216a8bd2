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
  slow: 4508,
} as const;
