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
