/**
 * Keeps the screen on, where the browser can: behind a dark screen a page is told no positions. A browser takes the lock back
 * when the page is hidden, so it is asked for again whenever the page is seen.
 *
 * @param told whether it is kept on now
 * @returns what lets it go dark again
 */
export function keepAwake(told: (isAwake: boolean) => void): () => void {
  let lock: WakeLockSentinel | undefined;
  let isOver = false;
  const ask = async () => {
    if (isOver || document.visibilityState !== 'visible' || !('wakeLock' in navigator)) return;
    try {
      const taken = await navigator.wakeLock.request('screen');
      if (isOver) return await taken.release();
      lock = taken;
      told(true);
      taken.addEventListener('release', () => told(false));
    } catch {
      // The battery is low, or it is not allowed: then the driver keeps the screen on.
    }
  };
  document.addEventListener('visibilitychange', ask);
  void ask();
  return () => {
    isOver = true;
    document.removeEventListener('visibilitychange', ask);
    void lock?.release();
  };
}
