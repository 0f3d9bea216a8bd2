/** The longest that a Node timer can run, milliseconds. */
const MAX_TIMER = 2 ** 31 - 1;

/**
 * Calls back when a moment has come, however far away it is, unless the function that is returned is called before.
 *
 * @param at epoch milliseconds
 * @param now the same clock
 */
export function onceExpired(at: number, now: () => number, callback: () => void): () => void {
  let timer: NodeJS.Timeout;
  const wait = () => {
    const left = at - now();
    timer = setTimeout(left > MAX_TIMER ? wait : callback, Math.min(left, MAX_TIMER));
  };
  wait();
  return () => clearTimeout(timer);
}

/** How long before a token ends that is told, milliseconds. */
const WARNING = 60_000;

/** When a token says that it ends, and when it is taken no more; epoch milliseconds. */
export interface Expiry {
  readonly statedExpiry: number;
  readonly expiresAt: number;
}

/**
 * Tells that a token is about to end, a minute before or, of one that has less than two left, after half of that; and
 * then that it has. Unless the function that is returned is called before.
 *
 * @param now epoch milliseconds
 */
export function watchExpiry(
  { statedExpiry, expiresAt }: Expiry,
  now: () => number,
  onExpiring: () => void,
  onExpired: () => void,
): () => void {
  const left = Math.max(statedExpiry - now(), 0);
  const warnAt = left < 2 * WARNING ? now() + left / 2 : statedExpiry - WARNING;
  let cancel = onceExpired(warnAt, now, () => {
    cancel = onceExpired(expiresAt, now, onExpired);
    onExpiring();
  });
  return () => cancel();
}
