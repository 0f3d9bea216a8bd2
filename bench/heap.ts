import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** What a process holds, in bytes. */
export interface Held {
  /** JavaScript objects. */
  readonly heap: number;
  /** The memory of typed arrays. */
  readonly arrays: number;
}

/** What this process holds, garbage left out. */
export async function held(): Promise<Held> {
  // Once to find the garbage, once more to give back what it kept alive.
  for (let i = 0; i < 2; i++) {
    collect();
    await turn();
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return { heap: heapUsed, arrays: arrayBuffers };
}

/** Makes something, and says what it holds. */
export async function weigh<T>(make: () => T | Promise<T>): Promise<{ made: T } & Held> {
  const before = await held();
  const made = await make();
  const after = await held();
  return { made, heap: after.heap - before.heap, arrays: after.arrays - before.arrays };
}
