import { expect, test } from 'vitest';
import type { AppDeps } from '../../src/app.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { MemoryReplays } from '../../src/store/memory-replays.ts';
import { MemoryTracks } from '../../src/store/memory-tracks.ts';
import type { Store } from '../../src/store/store.ts';
import { Random, seeded } from '../support/random.ts';
import { startServer } from '../support/server.ts';
import type { Marks } from './ear.ts';
import { Tenant } from './tenant.ts';
import { AUDIENCE, ISSUER } from './tokens.ts';

/** Over which each fleet must have been told of itself, else nothing could have leaked there. */
const TRANSPORTS = ['websocket', 'stream', ...['drivers', 'changes'].map((name) => `GET /v1/${name}`)];

/** Two fleets with the same drivers, at it together. */
async function live(random: Random, steps: number, store: Store, history: AppDeps['history']): Promise<void> {
  const server = await startServer({ env: { JWT_ISSUER: ISSUER, JWT_AUDIENCE: AUDIENCE }, store, history });
  // No time of day has so many minutes or seconds, so that nothing else is taken for a place.
  const mark = String(random.seed);
  const red: Marks = { secret: `SecretOfRed${mark}`, digits: '3133713', ids: 'red-only-', lat: 62, lng: 112 };
  const blue: Marks = { secret: `SecretOfBlue${mark}`, digits: '4244242', ids: 'blue-only-', lat: 71, lng: 134 };
  const tenants = [
    new Tenant(server, new Random(random.below(2 ** 32)), red, blue),
    new Tenant(server, new Random(random.below(2 ** 32)), blue, red),
  ];
  const [a, b] = tenants;
  await Promise.all([a.open(b), b.open(a)]);
  await Promise.all(
    tenants.map(async (tenant) => {
      for (let step = 0; step < steps && tenant.ear.leaks.length === 0; step++) await tenant.step();
    }),
  );
  for (const tenant of tenants) {
    const wrong = await tenant.settle();
    expect(tenant.ear.leaks).toEqual([]);
    expect(wrong).toEqual([]);
    for (const transport of TRANSPORTS) expect([...tenant.ear.heard.keys()]).toContain(transport);
  }
  await Promise.all(tenants.map((tenant) => tenant.close()));
}

test('of two fleets with the same drivers neither ever hears a byte of the other', async () => {
  const store = new MemoryStore(undefined, 0);
  const history = { tracks: new MemoryTracks(store), replays: new MemoryReplays(store) };
  await live(seeded('isolation'), 200, store, history);
});
