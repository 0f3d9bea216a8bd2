import { useEffect, useState } from 'preact/hooks';

/** Draws a component anew each second: it shows a time that goes by. */
export function useTick(): void {
  const [, setTick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setTick((tick) => tick + 1), 1000);
    return () => clearInterval(timer);
  }, []);
}
