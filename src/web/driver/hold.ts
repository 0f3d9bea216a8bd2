/**
 * Holds a name that only one tab of this browser can hold at a time, until the signal: two must not share one queue.
 *
 * @param elsewhere told when another tab holds it; it is then waited for
 * @returns resolves when it is held here
 */
export function hold(name: string, signal: AbortSignal, elsewhere: () => void): Promise<void> {
  return new Promise((held) => {
    const keep = () => {
      held();
      return new Promise<void>((release) => {
        if (signal.aborted) release();
        signal.addEventListener('abort', () => release());
      });
    };
    // On a page that did not come by https there is no such thing, nor a position to send.
    if (!('locks' in navigator)) return held();
    const asked = navigator.locks.request(name, { ifAvailable: true }, (lock) => {
      if (lock !== null) return keep();
      elsewhere();
      // Rejects when it is given up.
      void navigator.locks.request(name, { signal }, keep).catch(() => {});
    });
    // Nor where the browser lets the page keep nothing, so that nothing is shared.
    asked.catch(held);
  });
}
