import { expectTypeOf, test } from 'vitest';
import type { z } from 'zod';
import type { Area, Filters, Patch, Where } from '../../src/client/index.ts';
import type * as wire from '../../src/client/wire.ts';
import type { ErrorCode, Fault } from '../../src/errors.ts';
import type { Attributes } from '../../src/fix.ts';
import type { Result } from '../../src/ingest.ts';
import type { subscribeMessageSchema } from '../../src/protocol/client-messages.ts';
import type { FixMessage } from '../../src/protocol/fix.ts';
import type { positionAtDistanceSchema, positionSchema } from '../../src/protocol/position.ts';
import type { nearbyAnswerSchema, resultSchema } from '../../src/protocol/rest.ts';
import type { ServerMessage, ServerMessages } from '../../src/protocol/server-messages.ts';
import type { trackFeatureSchema } from '../../src/protocol/track.ts';
import type { Followed } from '../../src/subscriptions/area.ts';
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

/** The names of the fields that are known: what may come beside them has none. */
type Names<T> = T extends unknown
  ? keyof { [Key in keyof T as string extends Key ? never : Key extends string ? Key : never]: 1 }
  : never;

// Judged by `npm run typecheck`; running it says nothing.
test('the client’s own types are those of the server', () => {
  expectTypeOf<Same<wire.Attributes, Attributes>>().toEqualTypeOf<true>();
  expectTypeOf<Same<wire.Position, z.infer<typeof positionSchema>>>().toEqualTypeOf<true>();
  expectTypeOf<Same<wire.PositionAtDistance, z.infer<typeof positionAtDistanceSchema>>>().toEqualTypeOf<true>();
  expectTypeOf<Same<wire.Nearby, z.infer<typeof nearbyAnswerSchema>>>().toEqualTypeOf<true>();
  expectTypeOf<Same<wire.TrackPage, z.infer<typeof trackFeatureSchema>>>().toEqualTypeOf<true>();
  expectTypeOf<Same<wire.Fix, FixMessage>>().toEqualTypeOf<true>();
  expectTypeOf<Same<wire.Result, z.infer<typeof resultSchema>>>().toEqualTypeOf<true>();
  expectTypeOf<Same<wire.Result, Result>>().toEqualTypeOf<true>();
  expectTypeOf<Same<wire.Fault, Fault>>().toEqualTypeOf<true>();
  expectTypeOf<Same<wire.ServerErrorCode, ErrorCode>>().toEqualTypeOf<true>();
  expectTypeOf<Same<Where, where.Where>>().toEqualTypeOf<true>();
  expectTypeOf<Same<wire.ExitReason, ExitReason>>().toEqualTypeOf<true>();
  expectTypeOf<Same<wire.Followed, Followed>>().toEqualTypeOf<true>();
  expectTypeOf<Same<wire.SnapshotMessage, ServerMessages['snapshot']>>().toEqualTypeOf<true>();
  expectTypeOf<Same<wire.ChangesMessage, ServerMessages['changes']>>().toEqualTypeOf<true>();
  // The client has one type for both, and knows the codes of HTTP as well.
  expectTypeOf<ServerMessages['ack']>().toExtend<wire.AckMessage>();
  expectTypeOf<ServerMessages['batchAck']>().toExtend<wire.AckMessage>();
  expectTypeOf<Exclude<keyof wire.AckMessage, keyof ServerMessages['ack'] | 'results'>>().toEqualTypeOf<never>();
  expectTypeOf<ServerMessages['error']>().toExtend<wire.ErrorMessage>();
  expectTypeOf<Same<keyof wire.ErrorMessage, keyof ServerMessages['error']>>().toEqualTypeOf<true>();
  // Whatever the server says is a message to the client.
  expectTypeOf<ServerMessage>().toExtend<wire.ServerMessage>();
  expectTypeOf<Same<wire.ServerMessage['type'], ServerMessage['type']>>().toEqualTypeOf<true>();
});

test('what the client may ask for is what the server takes', () => {
  type Subscribe = z.input<ReturnType<typeof subscribeMessageSchema>>;
  type Asked = Area & Filters & { type: 'subscribe'; subscription: string; cursor?: string };
  expectTypeOf<Extract<keyof Patch, string>>().toEqualTypeOf<
    Exclude<Names<Subscribe>, 'type' | 'subscription' | 'cursor'>
  >();
  expectTypeOf<Names<Asked>>().toExtend<Names<Subscribe>>();
});
