import { expect, test, vi } from 'vitest';
import { Access } from '../../src/auth/access.ts';
import type { Revocation, Share } from '../../src/auth/access-store.ts';
import { claimsSchema, Principal } from '../../src/auth/principal.ts';
import { authenticator } from '../../src/auth/tokens.ts';
import { MemoryAccess } from '../../src/store/memory-access.ts';
import { StoreUnavailable } from '../../src/store/store.ts';
import { seeded } from '../support/random.ts';

const HOUR = 3_600_000;
const wish = (driverId = 'd', lifetime = HOUR) => ({ shown: { driverId }, lifetime });

function principal(claims: Partial<Record<'sub' | 'jti' | 'fleet' | 'scope', string>> = {}): Principal {
  return new Principal(claimsSchema.parse({ sub: 'anna', exp: 4e9, scope: 'positions:read', ...claims }));
}

const manager = principal({ sub: 'boss', scope: 'access:manage' });

/** A store whose writes wait until they are let go, or fail. */
class HeldStore extends MemoryAccess {
  held: { promise: Promise<void>; resolve: () => void } | undefined;
  away = false;

  hold(): void {
    this.held = Promise.withResolvers<void>();
  }

  release(): void {
    this.held?.resolve();
    this.held = undefined;
  }

  override async saveShare(share: Share, limit: number): Promise<boolean> {
    await this.#turn();
    return super.saveShare(share, limit);
  }

  override async deleteShare(fleet: string, id: string): Promise<void> {
    await this.#turn();
    await super.deleteShare(fleet, id);
  }

  override async revoke(revocation: Revocation): Promise<void> {
    await this.#turn();
    await super.revoke(revocation);
  }

  async #turn(): Promise<void> {
    await this.held?.promise;
    if (this.away) throw new StoreUnavailable('away');
  }
}

async function open(maxSharesPerSubject = 10) {
  const clock = { now: 1_800_000_000_000 };
  const store = new HeldStore();
  const load = () => Access.load({ store, now: () => clock.now, maxSharesPerSubject });
  const access = await load();
  const make = (maker: Principal, about = wish()) => access.shares.make(maker, about, () => access.isRevoked(maker));
  return { clock, store, access, load, make };
}

test('a share’s token is whom it shows, until it ends by itself or is ended; before and after it is nobody', async () => {
  const { access, clock, make } = await open();
  const { token, share } = await make(principal({ fleet: 'f', jti: 'j' }));
  expect(token).toMatch(/^share_[\w-]{43}$/);
  const who = access.shares.principalOf(token);
  expect(who).toMatchObject({ sight: { fleet: 'f', driverId: 'd' }, shareId: share.id, expiresAt: clock.now + HOUR });
  expect(who).toMatchObject({ canRead: true, canReadHistory: false, canShare: false, role: 'watcher' });
  expect([who.canWrite, who.canWriteAny, who.canReadMetrics, who.canManageAccess]).toEqual([
    false,
    false,
    false,
    false,
  ]);
  expect(who.canWriteAs('d') || who.canWriteAs(who.subject)).toBe(false);
  const unknown = /no such share, or it has ended/;
  for (const wrong of [token.slice(0, -1), `${token}A`, token.toUpperCase(), 'share_', `share_${'A'.repeat(43)}`]) {
    expect(() => access.shares.principalOf(wrong), wrong).toThrow(unknown);
  }
  clock.now += HOUR - 1;
  expect(access.shares.principalOf(token)).toBe(who);
  clock.now += 1;
  expect(() => access.shares.principalOf(token)).toThrow(unknown);
  const other = await make(principal({ fleet: 'f' }));
  expect(await access.shares.end(principal({ fleet: 'f' }), other.share.id)).toBe(true);
  expect(() => access.shares.principalOf(other.token)).toThrow(unknown);
});

test('no two tokens and no two ids are alike, and ids are in the order of making', async () => {
  const { access, clock, make } = await open(1_000);
  const made = [];
  for (let i = 0; i < 300; i++) {
    made.push(await make(principal()));
    clock.now += 1;
  }
  expect(new Set(made.map(({ token }) => token)).size).toBe(300);
  const ids = made.map(({ share }) => share.id);
  expect(new Set(ids).size).toBe(300);
  const { items } = access.shares.page(principal(), undefined, 1_000);
  expect(items.map(({ id }) => id)).toEqual(ids);
});

test('a subject has no more shares than allowed, even at once; those that ended or failed do not count', async () => {
  const { access, clock, store, make } = await open(3);
  store.hold();
  const asked = Array.from({ length: 10 }, () => make(principal()));
  store.release();
  const results = await Promise.allSettled(asked);
  expect(results.filter(({ status }) => status === 'fulfilled').length).toBe(3);
  for (const result of results) if (result.status === 'rejected') expect(result.reason.code).toBe('limit');
  // Another subject, or the same name in another fleet, has its own.
  await make(principal({ sub: 'ben' }));
  await make(principal({ fleet: 'other' }));
  await expect(make(principal())).rejects.toMatchObject({ code: 'limit' });
  const [first] = access.shares.page(principal(), undefined, 1).items;
  await access.shares.end(principal(), first.id);
  store.away = true;
  for (let i = 0; i < 5; i++) await expect(make(principal())).rejects.toMatchObject({ code: 'unavailable' });
  store.away = false;
  await make(principal());
  await expect(make(principal())).rejects.toMatchObject({ code: 'limit' });
  clock.now += HOUR;
  for (let i = 0; i < 3; i++) await make(principal());
  expect(access.shares.page(manager, undefined, 100).items.length).toBe(3);
});

test('nothing counts before it is stored, and what cannot be stored is not done', async () => {
  const { access, store, make } = await open();
  const anna = principal({ jti: 'j' });
  const { token, share } = await make(anna);
  let closed = 0;
  const release = access.doors.hold(access.shares.principalOf(token), () => closed++);
  store.hold();
  const ending = access.shares.end(anna, share.id);
  const revoking = access.revocations.revoke('default', 'j', 4e12);
  expect(access.shares.principalOf(token).shareId).toBe(share.id);
  expect([access.isRevoked(anna), closed]).toEqual([false, 0]);
  store.away = true;
  store.release();
  await expect(ending).rejects.toMatchObject({ code: 'unavailable' });
  await expect(revoking).rejects.toMatchObject({ code: 'unavailable' });
  expect(access.shares.principalOf(token).shareId).toBe(share.id);
  expect([access.isRevoked(anna), closed]).toEqual([false, 0]);
  release();
});

test('what is open by a token is closed with it, and what is open by its shares; of others nothing is', async () => {
  const { access, make } = await open();
  const closed: string[] = [];
  const hold = (name: string, who: Principal) => access.doors.hold(who, () => closed.push(name));
  const anna = principal({ jti: 'j' });
  const { token } = await make(anna);
  hold('token', anna);
  hold('token again', principal({ jti: 'j', sub: 'ben' }));
  hold('share', access.shares.principalOf(token));
  hold('another token', principal({ jti: 'k' }));
  hold('no jti', principal());
  hold('another fleet', principal({ jti: 'j', fleet: 'other' }));
  hold('let go', anna)();
  await access.revocations.revoke('default', 'j', 4e12);
  expect(closed.sort()).toEqual(['share', 'token', 'token again']);
  expect(() => hold('late', anna)).toThrow(/revoked/);
  expect(() => access.shares.principalOf(token)).toThrow(/no such share/);
  expect(closed.length).toBe(3);
});

test('a token that is revoked while its share is being stored has made none, now or after a restart', async () => {
  const { access, store, load, make } = await open();
  const anna = principal({ jti: 'j' });
  store.hold();
  const making = make(anna);
  // Stored first, it finds no share to take along.
  const { held } = store;
  store.held = undefined;
  await access.revocations.revoke('default', 'j', 4e12);
  held?.resolve();
  await expect(making).rejects.toMatchObject({ code: 'unauthorized' });
  expect(access.shares.page(manager, undefined, 10).items).toEqual([]);
  expect((await load()).shares.page(manager, undefined, 10).items).toEqual([]);
});

test('a share outlives the token that it was made with, and ends with its revocation even then', async () => {
  const { access, clock, make } = await open();
  const { token } = await make(principal({ jti: 'j' }), wish('d', 100 * HOUR));
  await access.revocations.revoke('default', 'j', clock.now - HOUR);
  expect(() => access.shares.principalOf(token)).toThrow(/no such share/);
});

test('a token that was verified and is remembered is looked at again at every use', async () => {
  const { access, clock } = await open();
  const claims = { sub: 'anna', jti: 'j', exp: 4e9, scope: 'positions:read' };
  let verified = 0;
  const verify = async () => {
    verified++;
    return claims;
  };
  const { isRevoked } = access;
  const authenticate = authenticator({ verify, now: () => clock.now, shareOf: access.principalOf, isRevoked });
  const who = await authenticate('a token');
  expect([authenticate('a token') === who, verified]).toEqual([true, 1]);
  await access.revocations.revoke('default', 'j', 4e12);
  expect(() => authenticate('a token')).toThrow(/was revoked/);
  await expect(authenticate('another of that jti')).rejects.toThrow(/was revoked/);
  expect(verified).toBe(2);
  // What begins like a share is never taken for a JWT.
  expect(() => authenticate('share_x')).toThrow(/no such share/);
  expect(verified).toBe(2);
});

test('what is over is forgotten, a revocation a day after its token; both in memory and in the store', async () => {
  const { access, clock, store, make } = await open();
  const ended = access.shares.principalOf((await make(principal(), wish('d', HOUR))).token);
  const { share } = await make(principal(), wish('d', 30 * HOUR));
  await access.revocations.revoke('default', 'j', clock.now + HOUR);
  await access.revocations.revoke('default', 'k', clock.now + 9 * HOUR);
  clock.now += 26 * HOUR;
  expect(access.shares.has(ended)).toBe(true);
  await access.prune();
  expect(access.shares.has(ended)).toBe(false);
  expect(access.isRevoked(principal({ jti: 'j' }))).toBe(false);
  expect(access.isRevoked(principal({ jti: 'k' }))).toBe(true);
  const { shares, revocations } = await store.load();
  expect([shares.map(({ id }) => id), revocations.map(({ tokenId }) => tokenId)]).toEqual([[share.id], ['k']]);
});

test('any order of making, ending, revoking and time leaves just the shares that a list of all events says', async () => {
  const random = seeded('shares');
  for (let round = 0; round < 20; round++) {
    const { access, clock, load, make } = await open(1_000);
    /** Every share that was ever made, and whether it still is. */
    const all: { token: string; id: string; fleet: string; sub: string; jti: string; ends: number; live: boolean }[] =
      [];
    const tokens = new Set<string>();
    for (let step = 0; step < 60; step++) {
      const [fleet, sub, jti] = [random.pick(['f', 'g']), random.pick(['anna', 'ben']), random.pick(['1', '2', '3'])];
      const who = principal({ fleet, sub, jti });
      switch (random.below(5)) {
        case 0:
        case 1:
        case 2: {
          if (tokens.has(`${fleet} ${jti}`)) break;
          const lifetime = 1_000 * (1 + random.below(50));
          const { token, share } = await make(who, wish('d', lifetime));
          all.push({ token, id: share.id, fleet, sub, jti, ends: clock.now + lifetime, live: true });
          break;
        }
        case 3: {
          const one = random.pick(all);
          if (one === undefined) break;
          const may = one.live && clock.now < one.ends && one.fleet === fleet && one.sub === sub;
          expect(await access.shares.end(who, one.id)).toBe(may);
          if (may) one.live = false;
          break;
        }
        default:
          if (random.below(4) > 0) clock.now += 1_000 * random.below(10);
          else {
            await access.revocations.revoke(fleet, jti, clock.now + HOUR);
            tokens.add(`${fleet} ${jti}`);
            for (const one of all) if (one.fleet === fleet && one.jti === jti) one.live = false;
          }
      }
      if (random.below(10) === 0) await access.prune();
    }
    for (const known of [access, await load()]) {
      for (const { token, live, ends } of all) {
        const is = live && clock.now < ends;
        if (is) expect(known.shares.principalOf(token).canRead).toBe(true);
        else expect(() => known.shares.principalOf(token)).toThrow(/no such share/);
      }
      for (const fleet of ['f', 'g']) {
        const listed = (sub: string, scope: string) => {
          const ids: string[] = [];
          for (let after: string | undefined; ; ) {
            const page = known.shares.page(principal({ fleet, sub, scope }), after, 3);
            ids.push(...page.items.map(({ id }) => id));
            if (page.next === undefined) return ids;
            after = page.next;
          }
        };
        const expected = all.filter((one) => one.fleet === fleet && one.live && clock.now < one.ends);
        for (const sub of ['anna', 'ben']) {
          const own = expected.filter((one) => one.sub === sub).map(({ id }) => id);
          expect(listed(sub, 'positions:read').sort()).toEqual(own.sort());
        }
        expect(listed('anna', 'access:manage').sort()).toEqual(expected.map(({ id }) => id).sort());
      }
    }
  }
});

test('a share that is made while its token is being revoked is in the store no more than in memory', async () => {
  const { access, store, load, make, clock } = await open();
  const anna = principal({ jti: 'j' });
  await make(anna);
  // The database has looked for shares, and answers only when another was stored.
  const answered = Promise.withResolvers<void>();
  const { revoke } = store;
  let asked = 0;
  store.revoke = async (revocation) => {
    asked++;
    await revoke.call(store, revocation);
    await answered.promise;
  };
  const revoking = access.revocations.revoke('default', 'j', clock.now + HOUR);
  await vi.waitUntil(() => asked === 1);
  const { token } = await make(anna, wish('d', 30 * 24 * HOUR));
  let closed = 0;
  access.doors.hold(access.shares.principalOf(token), () => closed++);
  answered.resolve();
  await revoking;
  expect(closed).toBe(1);
  expect((await store.load()).shares).toEqual([]);
  // Its revocation is forgotten before it would have ended.
  clock.now += 26 * HOUR;
  await access.prune();
  expect(() => access.shares.principalOf(token)).toThrow(/no such share/);
  expect((await load()).shares.page(manager, undefined, 10).items).toEqual([]);
});
