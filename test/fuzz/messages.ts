import type { Random } from '../support/random.ts';
import type { MessageCase } from './case.ts';
import { clientMessages } from './contract.ts';
import { bytesOf, garble, mutate, write } from './mutate.ts';
import { nasty } from './nasty.ts';
import { CALLERS } from './requests.ts';
import { sample } from './sample.ts';

/** A message of the contract, in which something may be wrong. */
export function messageCase(random: Random): MessageCase {
  const { name, schema } = random.pick(clientMessages);
  let message: unknown = sample(schema, random);
  // A connection that is told to be somebody else is closed, which ends what could be tried on it.
  if (name === 'authenticate' && random.below(4) !== 0) message = { type: 'ping' };
  while (random.below(5) < 3) message = mutate(message, random);
  let text = bytesOf(write(random.below(50) === 0 ? nasty(random) : message));
  if (random.below(15) === 0) text = garble(text, random);
  if (random.below(400) === 0) text = text.padEnd(random.pick([1_048_576, 1_048_577]), ' ');
  return { kind: 'message', as: random.pick(CALLERS), text, binary: random.below(60) === 0 ? true : undefined };
}
