import { signal } from '@preact/signals';

/** The time by this device’s clock, epoch milliseconds, once a second: whoever reads it shows an age. */
export const now = signal(Date.now());

setInterval(() => {
  // Nobody looks: nothing is to be drawn.
  if (document.visibilityState === 'visible') now.value = Date.now();
}, 1000);
