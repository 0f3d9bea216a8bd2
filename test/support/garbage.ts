import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Collects what nobody holds any more. */
export async function collectGarbage(): Promise<void> {
  // What a turn has still in its hands, and what finalizers let go of, takes more than one.
  for (let i = 0; i < 3; i++) {
    await turn();
    collect();
  }
}
