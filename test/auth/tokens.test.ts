import { expect, test } from 'vitest';
import { CLAIM_RULES, claimsSchema, Principal } from '../../src/auth/principal.ts';
import { authenticator } from '../../src/auth/tokens.ts';
import { DomainError } from '../../src/errors.ts';

/** Epoch milliseconds at which all of this happens. */
const NOW = 1_800_000_000_000;
const claims = { sub: 'x', exp: NOW / 1000 + 60, scope: 'positions:read' };

/** An authenticator whose clock, verdicts and revocations are told. */
function setUp(options: { tolerance?: number; share?: Principal } = {}) {
  const world = { now: NOW, verified: 0, withdrawals: 0, revoked: false, claims: claims as unknown };
  const authenticate = authenticator({
    verify: async () => {
      world.verified++;
      if (world.claims instanceof Error) throw world.claims;
      return world.claims;
    },
    now: () => world.now,
    tolerance: options.tolerance,
    withdrawals: () => world.withdrawals,
    shareOf: (token) => {
      if (token !== 'share_good' || options.share === undefined) throw new DomainError('unauthorized', 'no such share');
      return options.share;
    },
    isRevoked: () => world.revoked,
  });
  return { world, authenticate };
}

test('a token is verified once, and from then on known without a promise until it ends', async () => {
  const { world, authenticate } = setUp();
  const first = authenticate('t');
  expect(first).toBeInstanceOf(Promise);
  const principal = await first;
  expect(principal.subject).toBe('x');
  expect(authenticate('t')).toBe(principal);
  world.now += 59_999;
  expect(authenticate('t')).toBe(principal);
  world.now++;
  expect(authenticate('t')).toBeInstanceOf(Promise);
  expect(world.verified).toBe(2);
});

test('a token that comes again while it is verified is verified once', async () => {
  const { world, authenticate } = setUp();
  const judged = await Promise.all([authenticate('t'), authenticate('t'), authenticate('u')]);
  expect(judged[1]).toBe(judged[0]);
  expect(judged[2]).not.toBe(judged[0]);
  expect(world.verified).toBe(2);
});

test('a token that is refused is not remembered, neither as good nor as bad', async () => {
  const { world, authenticate } = setUp();
  world.claims = new DomainError('unavailable', 'not now');
  await expect(Promise.all([authenticate('t'), authenticate('t')])).rejects.toMatchObject({ code: 'unavailable' });
  world.claims = { sub: 'x' };
  await expect(authenticate('t')).rejects.toMatchObject({
    code: 'unauthorized',
    message: expect.stringContaining('exp'),
  });
  world.claims = claims;
  expect(await authenticate('t')).toBeInstanceOf(Principal);
  expect(world.verified).toBe(3);
});

test('what was revoked is refused at every use, remembered or not, and a share too', async () => {
  const share = new Principal(claimsSchema.parse(claims));
  const { world, authenticate } = setUp({ share });
  await authenticate('t');
  expect(authenticate('share_good')).toBe(share);
  world.revoked = true;
  const revoked = expect.objectContaining({ code: 'unauthorized', message: expect.stringMatching(/revoked/) });
  expect(() => authenticate('t')).toThrow(revoked);
  expect(() => authenticate('share_good')).toThrow(revoked);
  await expect(authenticate('u')).rejects.toEqual(revoked);
  expect(() => authenticate('u')).toThrow(revoked);
});

test('the token of a share is never verified', () => {
  const share = new Principal(claimsSchema.parse(claims));
  const { world, authenticate } = setUp({ share });
  expect(authenticate('share_good')).toBe(share);
  expect(() => authenticate('share_other')).toThrow(/no such share/);
  expect(world.verified).toBe(0);
});

test('what keys proved that were taken back is verified once more', async () => {
  const { world, authenticate } = setUp();
  await authenticate('t');
  world.withdrawals++;
  world.claims = new DomainError('unauthorized', 'no such key');
  await expect(authenticate('t')).rejects.toMatchObject({ code: 'unauthorized' });
});

test('what a key proves that is taken back meanwhile is verified once more, and not remembered', async () => {
  const world = { withdrawals: 0, verified: 0, isKnown: true };
  let held: Promise<void> | undefined;
  const authenticate = authenticator({
    verify: async () => {
      world.verified++;
      const { isKnown } = world;
      await held;
      if (!isKnown) throw new DomainError('unauthorized', 'no such key');
      return claims;
    },
    now: () => NOW,
    withdrawals: () => world.withdrawals,
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  held = promise;
  const judged = authenticate('t');
  world.withdrawals++;
  // Somebody comes, at which what was remembered until then is forgotten.
  const other = authenticate('u');
  world.isKnown = false;
  resolve();
  await expect(judged).rejects.toMatchObject({ code: 'unauthorized' });
  await other;
  await expect(authenticate('t')).rejects.toMatchObject({ code: 'unauthorized' });
  expect(world.verified).toBe(4);
});

test('what clocks may differ by is added to the end, and not to what is told of it', async () => {
  const { world, authenticate } = setUp({ tolerance: 5 });
  const principal = await authenticate('t');
  expect([principal.statedExpiry - NOW, principal.expiresAt - NOW]).toEqual([60_000, 65_000]);
  world.now += 64_999;
  expect(authenticate('t')).toBe(principal);
  world.now++;
  expect(authenticate('t')).toBeInstanceOf(Promise);
});

test('ten thousand tokens are remembered, and of more the last', async () => {
  const { world, authenticate } = setUp();
  for (let i = 0; i <= 10_000; i++) await authenticate(`t${i}`);
  expect(authenticate('t10000')).toBeInstanceOf(Principal);
  expect(authenticate('t1')).toBeInstanceOf(Principal);
  expect(authenticate('t0')).toBeInstanceOf(Promise);
  expect(world.verified).toBe(10_002);
});

test.each([
  [{ precision: 16 }, 'precision must be a whole number from 0 to 15'],
  [{ area: null }, 'area must be an object'],
  [{ area: { latitude: 91, longitude: 0, radius: -1 } }, /area\.latitude must be .*90; area\.radius must be .*metres/],
  [{ scope: ['positions:read'] }, 'scope must be a text'],
  [{ fleet: 'a b' }, 'fleet must be'],
  [{ jti: '' }, 'jti must be'],
])('a token of which a claim is wrong is told which, and what it must be: %j', async (wrong, why) => {
  const { world, authenticate } = setUp();
  world.claims = { ...claims, ...wrong };
  await expect(authenticate('t')).rejects.toThrow(why);
});

test('there is a rule in words for every claim', () => {
  const { area, ...others } = claimsSchema.shape;
  const inArea = Object.keys(area.unwrap().shape).map((name) => `area.${name}`);
  expect(Object.keys(CLAIM_RULES).sort()).toEqual([...Object.keys(others), 'area', ...inArea].sort());
});
