import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AccessChange, AccessStore, Revocation, Share } from '../../src/auth/access-store.ts';
import { Circle } from '../../src/geo/circle.ts';

/** A place for shares and revocations under test. */
export interface AccessSubject {
  readonly access: AccessStore;
  /** Empties it. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

const NOW = Date.UTC(2026, 0, 31, 12);

/** A share with all that is required, and what the test asks for. */
export function share(id: string, changes: Partial<Share> = {}): Share {
  const digest = createHash('sha256')
    .update(JSON.stringify([id, changes]))
    .digest('base64url');
  const sight = { fleet: 'default', driverId: 'd' };
  return { id, digest, subject: 'anna', sight, createdAt: NOW, expiresAt: NOW + 1_000, ...changes };
}

const revocation = (fleet: string, tokenId: string, expiresAt = NOW + 1_000): Revocation => ({
  fleet,
  tokenId,
  revokedAt: NOW,
  expiresAt,
});

/** What every store of shares and revocations has to do. */
export function accessContract(name: string, open: () => Promise<AccessSubject>): void {
  describe(`shares and revocations in ${name}`, () => {
    let subject: AccessSubject;
    beforeAll(async () => {
      subject = await open();
    }, 60_000);
    beforeEach(() => subject.clear());
    afterAll(() => subject?.close(), 30_000);

    /** All that is kept, in an order, as JSON would tell it of a circle. */
    const kept = async () => {
      const { shares, revocations } = await subject.access.load();
      const flat = shares.map(({ sight: { bounds, ...sight }, ...rest }) => ({
        ...rest,
        sight: { ...sight, bounds: bounds && [bounds.lat, bounds.lng, bounds.radius] },
      }));
      return {
        shares: flat.sort((a, b) => (`${a.sight.fleet} ${a.id}` < `${b.sight.fleet} ${b.id}` ? -1 : 1)),
        revocations: [...revocations].sort((a, b) => (`${a.fleet} ${a.tokenId}` < `${b.fleet} ${b.tokenId}` ? -1 : 1)),
      };
    };
    const keptIds = async () => (await kept()).shares.map(({ sight, id }) => `${sight.fleet} ${id}`);
    const keptTokens = async () => (await kept()).revocations.map(({ fleet, tokenId }) => `${fleet} ${tokenId}`);
    const changesSince = async (mark: string) => {
      const told = await subject.access.changesSince(mark);
      if (told === undefined) throw new Error('It cannot be told what changed');
      return { names: told.changes.map(({ kind, fleet, key }) => `${kind} ${fleet} ${key}`).sort(), mark: told.mark };
    };

    it('gives back what was saved, bit for bit, with nothing that was absent', async () => {
      const circle = new Circle(12.345678901234567, -179.99999999999997, 1 / 3);
      const shares = [
        share('a', { sight: { fleet: 'default', bounds: circle } }),
        share('b', { sight: { fleet: 'default', bounds: new Circle(0, 0, 0), precision: 0 }, tokenId: 'jti' }),
        share('c', { sight: { fleet: 'x.y:z-1', driverId: '運転手 "\\ 🚕', bounds: circle, precision: 15 } }),
        share('d', { label: 'Order 4711 𝕏', createdAt: NOW + 1, expiresAt: 253_402_300_799_999 }),
        share('e', { subject: "o'neil \n\u0001", tokenId: ' %_"\\ ' }),
      ];
      for (const one of shares) await subject.access.saveShare(one, 99);
      await subject.access.revoke(revocation('default', ' %_"\\ \u0001 𝕏', 253_402_300_799_999));
      const { shares: found, revocations } = await kept();
      const flat = (one: Share) => {
        const { bounds, ...sight } = one.sight;
        return { ...one, sight: { ...sight, bounds: bounds && [bounds.lat, bounds.lng, bounds.radius] } };
      };
      expect(found).toEqual([shares[0], shares[1], shares[3], shares[4], shares[2]].map(flat));
      expect(revocations).toEqual([revocation('default', ' %_"\\ \u0001 𝕏', 253_402_300_799_999)]);
    });

    it('takes the same share again, as after an answer that was lost, for one', async () => {
      await subject.access.saveShare(share('a'), 99);
      await subject.access.saveShare(share('a'), 99);
      expect(await keptIds()).toEqual(['default a']);
    });

    it('keeps no more of a subject than its limit, however many come at once; what ended does not count', async () => {
      const { access } = subject;
      await access.saveShare(share('ended', { expiresAt: NOW }), 3);
      await access.saveShare(share('of another', { subject: 'ben' }), 3);
      await access.saveShare(share('elsewhere', { sight: { fleet: 'other', driverId: 'd' } }), 3);
      const ids = Array.from({ length: 8 }, (_, i) => `s${i}`);
      const made = await Promise.all(ids.map((id) => access.saveShare(share(id), 3)));
      expect(made.filter((isMade) => isMade).length).toBe(3);
      const live = ids.filter((_, i) => made[i]);
      const others = ['default ended', 'default of another', 'other elsewhere'];
      expect(await keptIds()).toEqual([...others, ...live.map((id) => `default ${id}`)].sort());
      // The same again is no other.
      expect(await access.saveShare(share(live[0]), 3)).toBe(true);
      expect(await access.saveShare(share('more'), 3)).toBe(false);
      await access.deleteShare('default', live[1]);
      expect(await access.saveShare(share('more'), 3)).toBe(true);
      expect(await access.saveShare(share('none', { subject: 'nobody' }), 0)).toBe(false);
    });

    it('tells what changed since a mark, each once, and nothing that did not', async () => {
      const { access } = subject;
      await access.saveShare(share('before'), 9);
      await access.revoke(revocation('one', 'before'));
      const { mark } = await access.load();
      const end = Date.now() + 3_600_000;
      const odd = ' %_"\\ \u0001 𝕏';
      for (const id of ['a', 'b']) await access.saveShare(share(id, { tokenId: 'j', expiresAt: end }), 9);
      await access.saveShare(share('c', { sight: { fleet: 'two', driverId: 'd' }, expiresAt: end }), 9);
      await access.deleteShare('two', 'c');
      await access.revoke(revocation('one', odd));
      await access.revoke(revocation('one', 'before', end));
      const told = await changesSince(mark);
      expect(told.names.filter((name) => name !== 'share default before')).toEqual(
        ['share default a', 'share default b', 'share two c', `token one ${odd}`, 'token one before'].sort(),
      );
      // Its shares, too, which nobody deleted by name.
      await access.revoke(revocation('default', 'j', end));
      const next = await changesSince(told.mark);
      for (const name of ['share default a', 'share default b', 'token default j']) expect(next.names).toContain(name);
      const { mark: last } = await changesSince(next.mark);
      expect((await changesSince(last)).names).toEqual([]);
    });

    it('finds what is named, and the shares of a token’s digest, and nothing else', async () => {
      const { access } = subject;
      const shares = ['a', 'b'].map((id) => share(id, { label: 'x' }));
      for (const one of shares) await access.saveShare(one, 9);
      await access.saveShare(share('a', { sight: { fleet: 'two', driverId: 'd' } }), 9);
      await access.revoke(revocation('one', 'a'));
      await access.revoke(revocation('one', 'j'));
      const named = (kind: AccessChange['kind'], fleet: string, key: string) => ({ kind, fleet, key });
      expect(
        await access.find([
          named('share', 'default', 'a'),
          named('share', 'default', 'a'),
          named('share', 'one', 'j'),
          named('token', 'one', 'j'),
          named('token', 'default', 'j'),
        ]),
      ).toEqual({ shares: [shares[0]], revocations: [revocation('one', 'j')] });
      expect(await access.find([])).toEqual({ shares: [], revocations: [] });
      const unknown = share('z').digest;
      expect(await access.findByDigest([unknown, shares[1].digest])).toEqual([shares[1]]);
      expect(await access.findByDigest([unknown])).toEqual([]);
    });

    it('forgets shares that were made with a token while it was revoked', async () => {
      const { access } = subject;
      await access.revoke(revocation('one', 'j'));
      for (const fleet of ['one', 'two']) {
        const made = { sight: { fleet, driverId: 'd' }, tokenId: 'j', expiresAt: NOW + 99 };
        await access.saveShare(share('a', made), 9);
      }
      await access.prune(NOW, NOW);
      expect(await keptIds()).toEqual(['two a']);
      expect(await keptTokens()).toEqual(['one j']);
    });

    it('deletes the share of that fleet and id alone, and none without a word', async () => {
      for (const fleet of ['one', 'two']) {
        for (const id of ['a', 'A', 'á'])
          await subject.access.saveShare(share(id, { sight: { fleet, driverId: 'd' } }), 99);
      }
      await subject.access.deleteShare('one', 'a');
      await subject.access.deleteShare('one', 'nobody');
      await subject.access.deleteShare('three', 'a');
      expect(await keptIds()).toEqual(['one A', 'one á', 'two A', 'two a', 'two á']);
    });

    it('a revocation takes the shares along that were made with the token, in its fleet alone', async () => {
      const made = (id: string, fleet: string, tokenId?: string) =>
        share(id, { sight: { fleet, driverId: 'd' }, ...(tokenId && { tokenId }) });
      await subject.access.saveShare(made('a', 'one', 'j'), 99);
      await subject.access.saveShare(made('b', 'one', 'j'), 99);
      await subject.access.saveShare(made('c', 'one', 'J'), 99);
      await subject.access.saveShare(made('d', 'one'), 99);
      await subject.access.saveShare(made('a', 'two', 'j'), 99);
      await subject.access.revoke(revocation('one', 'j'));
      expect(await keptIds()).toEqual(['one c', 'one d', 'two a']);
      expect(await keptTokens()).toEqual(['one j']);
    });

    it('a revocation is only ever prolonged, and dated when it was first made', async () => {
      await subject.access.revoke(revocation('one', 'j', NOW + 5));
      await subject.access.revoke({ ...revocation('one', 'j', NOW + 9), revokedAt: NOW + 2 });
      await subject.access.revoke({ ...revocation('one', 'j', NOW + 7), revokedAt: NOW + 3 });
      expect((await kept()).revocations).toEqual([revocation('one', 'j', NOW + 9)]);
    });

    it('forgets what ended before a time, each at its own, and what ends then not yet', async () => {
      for (const [id, end] of [
        ['a', -1],
        ['b', 0],
        ['c', 1],
      ] as const) {
        await subject.access.saveShare(share(id, { expiresAt: NOW + end }), 99);
        await subject.access.revoke(revocation('default', id, NOW + 10 + end));
      }
      await subject.access.prune(NOW, NOW + 10);
      expect(await keptIds()).toEqual(['default b', 'default c']);
      expect(await keptTokens()).toEqual(['default b', 'default c']);
      await subject.access.prune(NOW, NOW + 10);
      expect(await keptIds()).toEqual(['default b', 'default c']);
    });
  });
}
