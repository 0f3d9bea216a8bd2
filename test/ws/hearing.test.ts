import { expect, test } from 'vitest';
import type { WebSocket } from 'ws';
import { DEAF, Hearing } from '../../src/ws/hearing.ts';

test('a peer is heard again when the last reason for which it is not is over, in whatever order they come and go', () => {
  let paused = false;
  const socket = {
    pause: () => {
      paused = true;
    },
    resume: () => {
      paused = false;
    },
  } as WebSocket;
  const reasons = Object.values(DEAF);
  expect(new Set(reasons).size).toBe(Object.keys(DEAF).length);
  for (const first of reasons) {
    for (const second of reasons.filter((reason) => reason !== first)) {
      const hearing = new Hearing(socket);
      hearing.stop(first);
      hearing.stop(second);
      // Once for each is enough, and one that does not hold is no matter.
      hearing.stop(second);
      hearing.resume(first);
      hearing.resume(first);
      expect([hearing.stopped, paused]).toEqual([true, true]);
      hearing.resume(second);
      expect([hearing.stopped, paused]).toEqual([false, false]);
    }
  }
});
