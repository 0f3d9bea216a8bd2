import { z } from 'zod';
import type { Revocation } from '../auth/access-store.ts';
import { END_OF_TIME } from '../history/track-source.ts';
import { isStorable, timestampSchema, toTimestamp } from './fix.ts';
import { serverTime } from './rest.ts';
import { nextSchema } from './share.ts';

const MAX_JTI = 128;
/** In 1973; what is less is the `exp` of a token as it stands, in seconds, and would be forgotten at once. */
const FIRST_MILLISECOND = 1e11;
const secondsRule = 'must be epoch milliseconds; this looks like seconds';
const jtiRule = `must be the jti of a token: a string of 1 to ${MAX_JTI} characters`;

/** Which tokens are to be taken no more. */
export const revocationBodySchema = z
  .looseObject(
    {
      jti: z
        .string({ error: jtiRule })
        .min(1, { error: jtiRule })
        .max(MAX_JTI, { error: jtiRule })
        .refine(isStorable, { error: 'must be well-formed Unicode' })
        .meta({ description: 'The `jti` of the token.', example: '3f0e9f0a-6b1c-4a2e-9d53-0b8f3f6f7a11' }),
      expiresAt: timestampSchema
        .refine((moment) => typeof moment === 'string' || moment >= FIRST_MILLISECOND, { error: secondsRule })
        .transform((moment) => Math.min(toTimestamp(moment), END_OF_TIME))
        .meta({
          description:
            'When the token ends by itself: its `exp`, in epoch milliseconds, or ISO 8601 with an offset. A day later its revocation is forgotten. Of two revocations of a token the later time counts.',
          example: 1_763_766_000_000,
        }),
    },
    { error: 'must be an object' },
  )
  .meta({ id: 'RevocationWish', description: 'Which tokens are to be taken no more.' });

const revocationSchema = z
  .object({
    jti: z.string(),
    revokedAt: z.int().meta({ description: 'Epoch milliseconds.' }),
    expiresAt: z.int().meta({ description: 'Epoch milliseconds.' }),
  })
  .meta({ id: 'Revocation', description: 'That tokens are no longer taken.' });

/** A page of revocations. */
export const revocationsSchema = z
  .object({
    serverTime,
    revocations: z.array(revocationSchema),
    next: nextSchema,
  })
  .meta({ id: 'Revocations', description: 'In the order of their jti.' });

/** What is told of a revocation. */
export function describeRevocation({ tokenId, revokedAt, expiresAt }: Revocation): z.output<typeof revocationSchema> {
  return { jti: tokenId, revokedAt, expiresAt };
}
