import { expectTypeOf, test } from 'vitest';
import type { z } from 'zod';
import type { Where } from '../../src/client/index.ts';
import type * as wire from '../../src/client/wire.ts';
import type { ErrorCode, Fault } from '../../src/errors.ts';
import type { Attributes } from '../../src/fix.ts';
import type { Result } from '../../src/ingest.ts';
import type { FixMessage } from '../../src/protocol/fix.ts';
import type { positionAtDistanceSchema, positionSchema } from '../../src/protocol/position.ts';
import type { nearbyAnswerSchema, resultSchema } from '../../src/protocol/rest.ts';
import type { ExitReason } from '../../src/subscriptions/subscription.ts';
import type * as where from '../../src/subscriptions/where.ts';

/** Whether two types say the same; that a list or field is read-only makes no difference on the wire. */
type Same<A, B> = [Mutable<A>] extends [Mutable<B>]
  ? [Mutable<B>] extends [Mutable<A>]
    ? [keyof A, keyof B] extends [keyof B, keyof A]
      ? true
      : 'keys differ'
    : 'the second is wider'
  : 'the first is wider';
type Mutable<T> = T extends readonly (infer Item)[]
  ? Mutable<Item>[]
  : T extends object
    ? { -readonly [Key in keyof T]: Mutable<T[Key]> }
    : T;

// Judged by `npm run typecheck`; running it says nothing.
test('the client’s own types are those of the server', () => {
  expectTypeOf<Same<wire.Attributes, Attributes>>().toEqualTypeOf<true>();
  expectTypeOf<Same<wire.Position, z.infer<typeof positionSchema>>>().toEqualTypeOf<true>();
  expectTypeOf<Same<wire.PositionAtDistance, z.infer<typeof positionAtDistanceSchema>>>().toEqualTypeOf<true>();
  expectTypeOf<Same<wire.Nearby, z.infer<typeof nearbyAnswerSchema>>>().toEqualTypeOf<true>();
  expectTypeOf<Same<wire.Fix, FixMessage>>().toEqualTypeOf<true>();
  expectTypeOf<Same<wire.Result, z.infer<typeof resultSchema>>>().toEqualTypeOf<true>();
  expectTypeOf<Same<wire.Result, Result>>().toEqualTypeOf<true>();
  expectTypeOf<Same<wire.Fault, Fault>>().toEqualTypeOf<true>();
  expectTypeOf<Same<wire.ServerErrorCode, ErrorCode>>().toEqualTypeOf<true>();
  expectTypeOf<Same<Where, where.Where>>().toEqualTypeOf<true>();
  // `offline` is in the contract, and not yet in this server.
  expectTypeOf<ExitReason>().toExtend<wire.ExitReason>();
});
