import { z } from 'zod';
import type { Entry } from '../store/store.ts';
import { driverIdSchema } from './fix.ts';
import { encodePosition, positionSchema } from './position.ts';

const fleet = z.string().meta({ description: 'The tenant.' });

/** What the stream tells, an event each: what was stored, in the order in which an instance stored it. */
export const streamEventSchema = z
  .discriminatedUnion('type', [
    positionSchema.extend({ type: z.literal('accepted'), fleet }),
    positionSchema.extend({ type: z.literal('late'), fleet }),
    z.object({
      type: z.literal('offline'),
      fleet,
      driverId: driverIdSchema,
      at: z.int().min(0).meta({ description: 'What was received of it until then is forgotten: epoch milliseconds.' }),
    }),
  ])
  .meta({ id: 'StreamEvent', description: 'What became of a driver, once it is stored.' });

/** An event of the stream. */
export type StreamEvent = z.infer<typeof streamEventSchema>;

/** The wire form of what was stored. */
export function encodeStreamEvent(entry: Entry): string {
  if (entry.kind === 'removal') {
    const { fleet, driverId } = entry.driver;
    return JSON.stringify({ type: 'offline', fleet, driverId, at: entry.at });
  }
  const { kind, fix } = entry;
  const type = kind === 'late' ? 'late' : 'accepted';
  // A position's fields follow, and the brace that closes them.
  return `{"type":"${type}","fleet":${JSON.stringify(fix.fleet)},${encodePosition(fix).slice(1)}}`;
}
