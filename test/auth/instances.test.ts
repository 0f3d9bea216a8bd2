import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Access } from '../../src/auth/access.ts';
import type { AccessChange, Share } from '../../src/auth/access-store.ts';
import { CHECK_INTERVAL } from '../../src/auth/catch-up.ts';
import { decodeHint, encodeHint } from '../../src/auth/hints.ts';
import { claimsSchema, Principal } from '../../src/auth/principal.ts';
import { SHARE_PREFIX } from '../../src/auth/shares.ts';
import { MemoryAccess } from '../../src/store/memory-access.ts';
import { StoreUnavailable } from '../../src/store/store.ts';
import { HintHub } from '../support/hints.ts';
import { seeded } from '../support/random.ts';

const HOUR = 3_600_000;
const wish = (driverId = 'd', lifetime = HOUR) => ({ shown: { driverId }, lifetime });
const unknown = /no such share, or it has ended/;

function principal(claims: Partial<Record<'sub' | 'jti' | 'fleet' | 'scope', string>> = {}): Principal {
  return new Principal(claimsSchema.parse({ sub: 'anna', exp: 4e9, scope: 'positions:read', ...claims }));
}

const manager = principal({ sub: 'boss', scope: 'access:manage' });

/** A token that no share ever had. */
const stranger = (n: number) => SHARE_PREFIX + String(n).padStart(43, 'A');

/** A store that several have, whose reads can be counted, held up or fail. */
class SharedStore extends MemoryAccess {
  away = false;
  /** How often it was asked, and for how many. */
  readonly digests: number[] = [];
  finds = 0;
  isLongAgo = false;
  #held: PromiseWithResolvers<void> | undefined;

  /** What is read from now on is answered, as it is now, when that is called which is returned. */
  hold(): () => void {
    const held = Promise.withResolvers<void>();
    this.#held = held;
    return () => {
      this.#held = undefined;
      held.resolve();
    };
  }

  override async load() {
    return this.#answer(await super.load());
  }

  override async changesSince(mark: string) {
    return this.#answer(this.isLongAgo ? undefined : await super.changesSince(mark));
  }

  override async find(named: readonly AccessChange[]) {
    this.finds++;
    return this.#answer(await super.find(named));
  }

  override async findByDigest(digests: readonly string[]): Promise<readonly Share[]> {
    this.digests.push(digests.length);
    return this.#answer(await super.findByDigest(digests));
  }

  async #answer<T>(answer: T): Promise<T> {
    if (this.away) throw new StoreUnavailable('away');
    await this.#held?.promise;
    return answer;
  }
}

async function open(maxSharesPerSubject = 10) {
  const clock = { now: 1_800_000_000_000 };
  const [store, hub, words] = [new SharedStore(), new HintHub(), [] as string[]];
  const log = { warn: (word: string) => words.push(word), info: (word: string) => words.push(word) };
  const instance = async () => {
    const access = await Access.load({
      store,
      now: () => clock.now,
      maxSharesPerSubject,
      others: { hints: hub.channel(), log },
    });
    opened.push(access);
    const make = (maker: Principal, about = wish()) => access.shares.make(maker, about, () => access.isRevoked(maker));
    return { access, make };
  };
  const [a, b] = [await instance(), await instance()];
  /** Has come what was sent; nobody has asked the store of himself. */
  const settle = () => vi.advanceTimersByTimeAsync(50);
  const nextCheck = () => vi.advanceTimersByTimeAsync(CHECK_INTERVAL + 50);
  return { clock, store, hub, words, a, b, instance, settle, nextCheck };
}

const opened: Access[] = [];
beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  for (const access of opened.splice(0)) access.close();
  vi.useRealTimers();
});

test('what is shared at one instance is known at another by a hint, and what is ended or revoked is closed there', async () => {
  const { a, b, settle } = await open();
  const anna = principal({ jti: 'j' });
  const [one, two] = [await a.make(anna), await a.make(anna)];
  await settle();
  const closed: string[] = [];
  const hold = (name: string, who: Principal) => b.access.doors.hold(who, () => closed.push(name));
  hold('one', b.access.shares.principalOf(one.token));
  hold('two', b.access.shares.principalOf(two.token));
  hold('token', anna);
  hold('another', principal({ jti: 'k' }));
  await a.access.shares.end(anna, one.share.id);
  await settle();
  expect(closed).toEqual(['one']);
  expect(() => b.access.shares.principalOf(one.token)).toThrow(unknown);
  await a.access.revocations.revoke('default', 'j', 4e12);
  await settle();
  expect(closed.sort()).toEqual(['one', 'token', 'two']);
  expect(b.access.isRevoked(anna)).toBe(true);
  expect(() => b.access.shares.principalOf(two.token)).toThrow(unknown);
  const { items } = b.access.revocations.page('default', undefined, 9);
  expect(items).toEqual(a.access.revocations.page('default', undefined, 9).items);
  await expect(b.make(anna)).rejects.toMatchObject({ code: 'unauthorized' });
});

test('what no hint came of is found in the store within seconds, and on the return of hints at once', async () => {
  const { a, b, hub, nextCheck, settle } = await open();
  const anna = principal({ jti: 'j' });
  const { token, share } = await a.make(anna);
  await settle();
  let closed = 0;
  b.access.doors.hold(b.access.shares.principalOf(token), () => closed++);
  hub.isCut = true;
  await a.access.shares.end(anna, share.id);
  await a.access.revocations.revoke('default', 'k', 4e12);
  await settle();
  expect([closed, b.access.isRevoked(principal({ jti: 'k' }))]).toEqual([0, false]);
  await nextCheck();
  expect([closed, b.access.isRevoked(principal({ jti: 'k' }))]).toEqual([1, true]);
  await a.access.revocations.revoke('default', 'l', 4e12);
  hub.heal();
  await settle();
  expect(b.access.isRevoked(principal({ jti: 'l' }))).toBe(true);
});

test('a share is taken by an instance that has not heard of it yet, and ended by it', async () => {
  const { a, b, hub, settle, nextCheck } = await open();
  hub.isCut = true;
  const anna = principal();
  const [one, two] = [await a.make(anna), await a.make(anna)];
  const asked = b.access.principalOf(one.token);
  expect(asked).toBeInstanceOf(Promise);
  expect(await asked).toMatchObject({ shareId: one.share.id, sight: { driverId: 'd' } });
  expect(b.access.principalOf(one.token)).toBeInstanceOf(Principal);
  expect(await b.access.shares.end(principal({ sub: 'ben' }), two.share.id)).toBe(false);
  expect(await b.access.shares.end(principal({ fleet: 'other' }), two.share.id)).toBe(false);
  expect(await b.access.shares.end(anna, two.share.id)).toBe(true);
  for (const id of ['', 'x', 'a\0b', two.share.id, `${two.share.id}x`]) {
    expect(await b.access.shares.end(anna, id)).toBe(false);
  }
  expect(a.access.shares.principalOf(two.token).shareId).toBe(two.share.id);
  await nextCheck();
  expect(() => a.access.shares.principalOf(two.token)).toThrow(unknown);
  await settle();
});

test('what changed is looked up once or twice, and what did not is not', async () => {
  const { a, store, nextCheck } = await open();
  await a.make(principal());
  await nextCheck();
  const before = store.finds;
  expect(before).toBeLessThanOrEqual(4);
  for (let i = 0; i < 10; i++) await nextCheck();
  store.isLongAgo = true;
  await nextCheck();
  store.isLongAgo = false;
  for (let i = 0; i < 10; i++) await nextCheck();
  expect(store.finds).toBe(before);
});

test('a subject has no more shares than allowed at all instances together', async () => {
  const { a, b, hub } = await open(3);
  hub.isCut = true;
  const made = await Promise.allSettled(Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? a : b).make(principal())));
  expect(made.filter(({ status }) => status === 'fulfilled').length).toBe(3);
  for (const one of made) if (one.status === 'rejected') expect(one.reason.code).toBe('limit');
});

test('tokens that nobody gave out are looked up together, no faster than so, and not again at once', async () => {
  const { b, store, clock, settle } = await open();
  const ask = (n: number) => {
    const asked = b.access.principalOf(stranger(n));
    return Promise.resolve(asked).then(
      () => 'in',
      (error) => error.code,
    );
  };
  const asked = Array.from({ length: 1_000 }, (_, n) => ask(n));
  // The same again waits for the same; one more is told to come back.
  asked.push(ask(0));
  expect(() => b.access.principalOf(stranger(1_000))).toThrow(/cannot be judged now/);
  await vi.advanceTimersByTimeAsync(100);
  // A look each 20 ms.
  expect(store.digests.length).toBeLessThanOrEqual(7);
  await vi.advanceTimersByTimeAsync(200);
  expect(new Set(await Promise.all(asked))).toEqual(new Set(['unauthorized']));
  expect(store.digests.reduce((sum, n) => sum + n, 0)).toBe(1_000);
  const before = store.digests.length;
  for (let n = 0; n < 1_000; n++) expect(() => b.access.principalOf(stranger(n))).toThrow(unknown);
  for (const wrong of ['share_', 'share_x', stranger(1).slice(1)]) {
    expect(() => b.access.principalOf(wrong)).toThrow(unknown);
  }
  await settle();
  expect(store.digests.length).toBe(before);
  clock.now += 10_000;
  const again = ask(1);
  await settle();
  expect([await again, store.digests.length]).toEqual(['unauthorized', before + 1]);
});

test('while the store is away what is known goes on, what is not cannot be told, and it is said once', async () => {
  const { a, b, store, words, settle, nextCheck } = await open();
  const anna = principal({ jti: 'j' });
  const { token } = await a.make(anna);
  await settle();
  await a.access.revocations.revoke('default', 'k', 4e12);
  store.away = true;
  await nextCheck();
  await nextCheck();
  expect(b.access.shares.principalOf(token).canRead).toBe(true);
  const asked = b.access.principalOf(stranger(1)) as Promise<Principal>;
  await expect(asked).rejects.toMatchObject({ code: 'unavailable' });
  await expect(b.access.shares.end(anna, 'k0000000000000000000a')).rejects.toMatchObject({ code: 'unavailable' });
  expect(words.length).toBe(2);
  expect(new Set(words)).toEqual(new Set([expect.stringMatching(/cannot be read; what is known goes on: away$/)]));
  store.away = false;
  await nextCheck();
  expect(b.access.isRevoked(principal({ jti: 'k' }))).toBe(true);
  expect(words.slice(2)).toEqual(Array(2).fill('shares and revocations are as the database has them again'));
});

test('what was read before a share ended, and is answered after, does not bring it back', async () => {
  const { a, b, store, hub, settle } = await open();
  const anna = principal();
  for (const whoEnds of [a, b]) {
    hub.isCut = true;
    const { token, share } = await a.make(anna);
    const release = store.hold();
    const asked = b.access.principalOf(token) as Promise<Principal>;
    await settle();
    // Others are not held up.
    const find = store.find;
    store.find = MemoryAccess.prototype.find;
    hub.isCut = false;
    expect(await whoEnds.access.shares.end(anna, share.id)).toBe(true);
    await settle();
    release();
    store.find = find;
    await expect(asked).rejects.toThrow(unknown);
    expect(() => b.access.shares.principalOf(token)).toThrow(unknown);
  }
});

test('where it cannot be told what changed all is taken anew, and what is made meanwhile stays', async () => {
  const { a, b, store, hub, nextCheck, settle } = await open();
  const anna = principal();
  const kept = await b.make(anna);
  const ended = await b.make(anna);
  await settle();
  let closed = 0;
  b.access.doors.hold(b.access.shares.principalOf(ended.token), () => closed++);
  hub.isCut = true;
  await a.access.shares.end(anna, ended.share.id);
  await a.access.revocations.revoke('default', 'j', 4e12);
  const added = await a.make(anna);
  // It has nothing to ask itself.
  a.access.close();
  store.isLongAgo = true;
  const changesSince = store.changesSince;
  // What is asked is answered; what is loaded then waits.
  let release = () => {};
  store.changesSince = async (mark) => {
    const told = await changesSince.call(store, mark);
    release = store.hold();
    return told;
  };
  await nextCheck();
  const meanwhile = await b.make(anna);
  expect(closed).toBe(0);
  release();
  await settle();
  expect(closed).toBe(1);
  for (const { token } of [kept, added, meanwhile]) expect(b.access.shares.principalOf(token).canRead).toBe(true);
  expect(() => b.access.shares.principalOf(ended.token)).toThrow(unknown);
  expect(b.access.isRevoked(principal({ jti: 'j' }))).toBe(true);
});

test('a share that was stored while its token was revoked elsewhere lets nobody in, ever', async () => {
  const { a, b, clock, store, hub, nextCheck, instance } = await open();
  hub.isCut = true;
  const anna = principal({ jti: 'j' });
  await a.access.revocations.revoke('default', 'j', clock.now + HOUR);
  const { token } = await b.make(anna, wish('d', 100 * HOUR));
  await nextCheck();
  for (const { access } of [a, b, await instance()]) {
    expect(access.shares.page(manager, undefined, 9).items).toEqual([]);
    await expect(Promise.resolve(token).then(access.principalOf)).rejects.toThrow(unknown);
  }
  await a.access.prune();
  clock.now += 26 * HOUR;
  await a.access.prune();
  expect((await store.load()).shares).toEqual([]);
  await nextCheck();
  for (const { access } of [a, b, await instance()]) expect(() => access.shares.principalOf(token)).toThrow(unknown);
});

test('hints name what they are of, whatever it is called; what is none does no harm', async () => {
  for (const key of ['j', ' %_"\\ \u0001 𝕏', 'ü'.repeat(128), '\u0001'.repeat(128)]) {
    const change = { kind: 'token', fleet: 'f'.repeat(64), key } as const;
    expect(decodeHint(encodeHint(change))).toEqual(change);
  }
  const { a, b, hub, settle } = await open();
  const random = seeded('hints');
  const good = encodeHint({ kind: 'token', fleet: 'default', key: 'j' });
  const wrong = [
    '',
    '[]',
    'null',
    '{',
    '["share"]',
    '["share","f",1]',
    '["driver","f","k"]',
    '["share","f","\\u0000"]',
  ];
  const rubbish = [...wrong, '["share","f","\\ud800"]', JSON.stringify(['share', 'f', 'x'.repeat(9_999)])].map((text) =>
    Buffer.from(text),
  );
  for (const hint of rubbish) expect(decodeHint(hint)).toBeUndefined();
  for (let i = 0; i < 500; i++) {
    const bent = Buffer.from(good);
    bent[random.below(bent.length)] = random.below(256);
    rubbish.push(bent.subarray(0, random.below(bent.length + 1)));
  }
  hub.isCut = true;
  await a.access.revocations.revoke('default', 'quietly', 4e12);
  for (const hint of rubbish) hub.whisper(hint);
  await settle();
  // It was reason enough to look what there is.
  expect(b.access.isRevoked(principal({ jti: 'quietly' }))).toBe(true);
  expect(b.access.isRevoked(principal({ jti: 'j' }))).toBe(false);
});

test('of a flood of hints while the store takes its time no more is kept than is bounded, and what is missed is found', async () => {
  const { store, hub, a, b, settle } = await open();
  const release = store.hold();
  hub.whisper(encodeHint({ kind: 'share', fleet: 'default', key: 'first' }));
  for (let n = 0; n < 25_000; n++) hub.whisper(encodeHint({ kind: 'share', fleet: 'default', key: `no${n}` }));
  const { token } = await a.make(principal());
  await settle();
  store.finds = 0;
  release();
  await settle();
  expect(b.access.principalOf(token)).toBeInstanceOf(Principal);
  // Ten thousand at each of the two instances, a thousand at a time, and what has changed.
  expect(store.finds).toBeLessThanOrEqual(2 * 12);
});

test('nothing is asked any more once it is closed', async () => {
  const { a, b, hub, store, settle } = await open();
  for (const { access } of [a, b]) access.close();
  await settle();
  expect(vi.getTimerCount()).toBe(0);
  store.away = true;
  hub.heal();
  await settle();
  expect(vi.getTimerCount()).toBe(0);
});

test('whatever is done where, and whatever hints get lost, all agree with a list of all events within seconds', async () => {
  const random = seeded('instances');
  for (let round = 0; round < 10; round++) {
    const { clock, hub, instance, a, b, settle, nextCheck } = await open(1_000);
    const all = [a, b, await instance()];
    const made: { token: string; id: string; fleet: string; sub: string; jti: string; ends: number; live: boolean }[] =
      [];
    const revoked = new Set<string>();
    for (let step = 0; step < 50; step++) {
      const [fleet, sub, jti] = [
        random.pick(['f', 'g']),
        random.pick(['anna', 'ben']),
        random.pick(['1', '2', '3', '4']),
      ];
      const who = principal({ fleet, sub, jti });
      const { access, make } = random.pick(all);
      switch (random.below(8)) {
        case 0:
        case 1:
        case 2: {
          if (revoked.has(`${fleet} ${jti}`)) break;
          const { token, share } = await make(who, wish('d', HOUR));
          made.push({ token, id: share.id, fleet, sub, jti, ends: share.expiresAt, live: true });
          break;
        }
        case 3: {
          const one = random.pick(made);
          if (one === undefined || one.fleet !== fleet || one.sub !== sub) break;
          // Where it is known still, it may be ended once more.
          const isEnded = await access.shares.end(who, one.id);
          if (one.live) expect(isEnded).toBe(true);
          one.live = false;
          break;
        }
        case 4:
          if (random.below(3) > 0) break;
          await access.revocations.revoke(fleet, jti, clock.now + HOUR);
          revoked.add(`${fleet} ${jti}`);
          for (const one of made) if (one.fleet === fleet && one.jti === jti) one.live = false;
          break;
        case 5:
          hub.isCut = random.below(2) === 0;
          break;
        case 6:
          await settle();
          break;
        default:
          await access.prune();
      }
      // Whoever is to be let in is, at once and everywhere.
      const one = random.pick(made);
      if (one?.live) {
        const asked = random.pick(all).access.principalOf(one.token);
        await settle();
        expect((await asked).shareId).toBe(one.id);
      }
    }
    await nextCheck();
    for (const { access } of all) {
      for (const { token, live } of made) {
        if (live) expect(access.shares.principalOf(token).canRead).toBe(true);
        else expect(() => access.shares.principalOf(token)).toThrow(unknown);
      }
      for (const fleet of ['f', 'g']) {
        const { items } = access.shares.page(principal({ fleet, scope: 'access:manage' }), undefined, 1_000);
        const live = made.filter((one) => one.live && one.fleet === fleet);
        expect(items.map(({ id }) => id).sort()).toEqual(live.map(({ id }) => id).sort());
        const tokens = access.revocations.page(fleet, undefined, 9).items.map(({ tokenId }) => `${fleet} ${tokenId}`);
        expect(tokens).toEqual([...revoked].filter((token) => token.startsWith(fleet)).sort());
      }
    }
  }
});
