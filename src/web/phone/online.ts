import { signal } from '@preact/signals';

/** Whether this device has a network at all, as the browser knows it: sooner than a connection is found to be dead. */
export const isOnline = signal(navigator.onLine);

for (const event of ['online', 'offline']) {
  addEventListener(event, () => {
    isOnline.value = navigator.onLine;
  });
}
