import { expect, test } from 'vitest';
import type {
  Area,
  Changes,
  FixVerdict,
  Patch,
  Position,
  WatchStart,
  WebSocketConstructor,
} from '../../src/client/index.ts';
import { type Entry, type Store, type StoredFix, StoreUnavailable } from '../../src/store/store.ts';
import { type AskedArea, around, box, circle, everywhere, frame } from '../support/areas.ts';
import type { Place } from '../support/geodesic.ts';
import { type Random, seeded } from '../support/random.ts';
import { startServer } from '../support/server.ts';
import { Traffic } from '../support/traffic.ts';
import { clientOf, collect, next, place, untilTrue } from './support.ts';

/** A network that loses what it carries: a frame on its way, and the connection with it. */
class Weather {
  /** How likely each frame is lost. */
  losses = 0;
  readonly #random: () => number;
  outages = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** WebSockets in this weather. */
  get WebSocket(): WebSocketConstructor {
    const isLost = () => this.#random() < this.losses;
    const count = () => this.outages++;
    return class extends WebSocket {
      #cut = false;

      // A getter and a setter of the platform’s class, so it has to be wrapped here.
      override set onmessage(listener: ((event: MessageEvent) => void) | null) {
        super.onmessage = (event) => {
          if (this.#cut) return;
          if (isLost()) this.#end();
          else listener?.(event as unknown as MessageEvent);
        };
      }

      override send(data: string): void {
        if (this.#cut) return;
        if (isLost()) this.#end();
        else super.send(data);
      }

      /** Gone without a word: what was sent before may still arrive, what comes is lost. */
      #end(): void {
        this.#cut = true;
        count();
        this.close();
      }
    } as unknown as WebSocketConstructor;
  }
}

/** A store of which all that was ever written can be asked, and which is away at times. */
class RecordingStore implements Store {
  readonly written = new Set<string>();
  readonly #isAway: () => boolean;

  constructor(isAway: () => boolean) {
    this.#isAway = isAway;
  }

  async write(entries: readonly Entry[]): Promise<void> {
    if (this.#isAway()) throw new StoreUnavailable('away');
    for (const entry of entries) {
      if (entry.kind !== 'removal') this.written.add(`${entry.fix.driverId} ${entry.fix.timestamp}`);
    }
  }

  async *loadPositions(): AsyncGenerator<readonly StoredFix[]> {}
  async ping(): Promise<void> {}
  async close(): Promise<void> {}
}

test('through outages and lost answers every fix gets one verdict, and what is accepted is stored', async () => {
  const random = seeded('fixes in bad weather');
  let outages = 0;
  for (let run = 0; run < 6; run++) {
    const store = new RecordingStore(() => random.next() < 0.4);
    // With so little room some fixes cannot be taken when they come.
    const server = await startServer({ store, maxPending: 10 });
    const weather = new Weather(() => random.next());
    weather.losses = random.between(0.02, 0.3);
    const nearcast = clientOf(server, { WebSocket: weather.WebSocket });
    const track = nearcast.track();
    const verdicts = collect(track, 'verdict');
    const sent = new Set<object>();
    const drivers = 40;
    for (let burst = 0; burst < 40; burst++) {
      for (let i = random.below(8); i > 0; i--) {
        const timestamp = 1_000_000 + random.below(300);
        const latitude = random.next() < 0.1 ? 95 : 10;
        sent.add(track.send({ driverId: `d${random.below(drivers)}`, latitude, longitude: 20, timestamp }));
      }
      // Goes on when something came of it, or at once.
      if (random.next() < 0.5 && track.pending > 0) await next(track, 'verdict');
    }
    await track.flush();
    expect(verdicts.length).toBe(sent.size);
    expect(new Set(verdicts.map(({ fix }) => fix))).toEqual(sent);
    outages += weather.outages;
    const newest = new Map<string, number>();
    for (const { fix, verdict, code } of verdicts as FixVerdict[]) {
      const refused = fix.latitude > 90;
      expect([verdict === 'refused', code]).toEqual([refused, refused ? 'invalid' : undefined]);
      if (refused) continue;
      // A verdict may be of the second time that it came; late ones are not the latest, and the rest is stored.
      const time = fix.timestamp as number;
      newest.set(fix.driverId as string, Math.max(time, newest.get(fix.driverId as string) ?? 0));
    }
    for (const [driverId, timestamp] of newest) {
      expect(store.written.has(`${driverId} ${timestamp}`)).toBe(true);
      expect(server.tracker.driver({ fleet: 'default' }, driverId)?.position.timestamp).toBe(timestamp);
    }
  }
  expect(outages).toBeGreaterThan(5);
});

test('through outages a watch, and whoever iterates it slowly, end with the truth', async () => {
  const random = seeded('watches in bad weather');
  const server = await startServer();
  const weather = new Weather(() => random.next());
  weather.losses = 0.1;
  const nearcast = clientOf(server, { WebSocket: weather.WebSocket });
  const area = { latitude: 0, longitude: 0, radius: 10_000 };
  const watch = nearcast.watch(area);
  const changes = watch[Symbol.asyncIterator]();
  const believed = new Map<string, number>();
  let following: Promise<void> | undefined;
  /** Takes the next changes, one at a time; they come when there are any. */
  const follow = () => {
    following ??= changes.next().then(({ value }) => {
      following = undefined;
      const { enter, move, exit } = value as Changes;
      for (const { driverId } of exit) expect(believed.delete(driverId)).toBe(true);
      for (const { driverId } of enter) expect(believed.has(driverId)).toBe(false);
      for (const { driverId } of move) expect(believed.has(driverId)).toBe(true);
      for (const { driverId, timestamp } of [...enter, ...move]) believed.set(driverId, timestamp);
    });
    return following;
  };
  let radius = area.radius;
  for (let time = 1; time < 1500; time++) {
    const driverId = `d${random.below(30)}`;
    // Up to 22 km from the centre.
    server.tracker.accept('default', {
      driverId,
      lat: random.between(-0.14, 0.14),
      lng: random.between(-0.14, 0.14),
      timestamp: time,
    });
    if (random.next() < 0.02) {
      radius = 1000 * (1 + random.below(20));
      void watch.update({ radius }).catch(() => {});
    }
    if (random.next() < 0.05) void follow();
    else if (random.next() < 0.3) await new Promise((resolve) => setImmediate(resolve));
  }
  weather.losses = 0;
  await watch.update({ radius });
  const answer = await nearcast.nearby({ ...area, radius, limit: 1000 });
  const truth = timesOf(answer.drivers);
  while (timesOf(watch.drivers.values()).join() !== truth.join()) await next(watch, 'changes');
  place(server, 'last', 0, 0);
  while (!believed.has('last')) await follow();
  expect([...believed].map(([driverId, timestamp]) => `${driverId} ${timestamp}`).sort()).toEqual(
    timesOf(watch.drivers.values()),
  );
  expect(watch.drivers.size).toBe(truth.length + 1);
  expect(weather.outages).toBeGreaterThan(5);
});

const CENTRE: Place = [30, -97];

/** An area about the centre, of any kind. */
function anyArea(random: Random, drivers: number): AskedArea {
  const [lat, lng] = [CENTRE[0] + 0.02 * random.normal(), CENTRE[1] + 0.02 * random.normal()];
  const size = random.between(0.005, 0.04);
  return random.pick([
    () => circle(lat, lng, size * 111_000),
    () => box(lng - size, lat - size, lng + size, lat + size / 2),
    () => frame(lat, lng, size),
    () => around(`d${random.below(drivers)}`, size * 111_000),
    () => everywhere,
  ])();
}

/** The patch that makes an area of any other. */
function patchTo({ fields }: AskedArea, random: Random): Patch {
  if (Object.keys(fields).length === 0) return random.pick([{ bbox: null }, { around: null, radius: null }]);
  return { ...(random.next() < 0.5 && { maxAge: null }), ...fields };
}

test('watches of all kinds, updated, refused, closed and begun anew in bad weather, end with the truth', async () => {
  const random = seeded('areas in bad weather');
  const drivers = 60;
  const server = await startServer();
  const traffic = new Traffic(server, random, drivers, CENTRE);
  const weather = new Weather(() => random.next());
  weather.losses = 0.03;
  const nearcast = clientOf(server, { WebSocket: weather.WebSocket });
  const wrong: string[] = [];
  const begin = (from?: WatchStart & { readonly area: AskedArea }) => {
    const area = from?.area ?? anyArea(random, drivers);
    const watch = nearcast.watch(area.fields as Area, { from });
    const inside = new Set(watch.drivers.keys());
    watch.on('enter', ({ driverId }) => inside.has(driverId) && wrong.push(`enter ${driverId}`));
    watch.on('move', ({ driverId }) => inside.has(driverId) || wrong.push(`move ${driverId}`));
    watch.on('exit', ({ driverId }) => inside.delete(driverId) || wrong.push(`exit ${driverId}`));
    watch.on('enter', ({ driverId }) => inside.add(driverId));
    return { watch, area, inside };
  };
  const watches = Array.from({ length: 8 }, () => begin());
  const updates: Promise<unknown>[] = [];
  for (let step = 0; step < 1500; step++) {
    traffic.move(random.below(8));
    const index = random.below(watches.length);
    const one = watches[index];
    const chance = random.next();
    if (chance < 0.1) {
      one.area = anyArea(random, drivers);
      updates.push(one.watch.update(patchTo(one.area, random)));
    } else if (chance < 0.13) {
      // Alone on its way, so that nothing good is refused with it.
      await one.watch.update({});
      updates.push(expect(one.watch.update({ bbox: [0, 1, 2, 0] })).rejects.toMatchObject({ code: 'invalid' }));
      await updates.at(-1);
    } else if (chance < 0.16) {
      one.watch.close();
      watches[index] = begin();
    } else if (chance < 0.19) {
      // Another goes on from it, wherever it is: not yet live, interrupted, or with an update on its way.
      const { cursor, drivers: known } = one.watch;
      watches[index] = begin({ cursor, drivers: [...known.values()], area: one.area });
      one.watch.close();
    } else if (chance < 0.2) {
      const id = `d${random.below(drivers)}`;
      if (traffic.places.delete(id)) server.tracker.goOffDuty('default', id, () => {});
    } else if (chance < 0.5) await new Promise((resolve) => setImmediate(resolve));
  }
  weather.losses = 0;
  for (const { watch, area, inside } of watches) {
    await watch.update({});
    await untilTrue(watch, traffic, area);
    expect([...inside].sort()).toEqual(traffic.inside(area));
    // Whoever is gone is off duty, or unknown to a subscription that is newer than that.
    const { around: id } = area.fields;
    const gone = /^(offline|unknown)$/;
    if (id === undefined) expect(watch.followed).toBeUndefined();
    else expect(watch.followed).toMatch(traffic.places.has(id as string) ? /^here$/ : gone);
  }
  // A watch that was closed rejects what it had not been told yet.
  for (const one of await Promise.allSettled(updates)) {
    if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'closed' });
  }
  expect(wrong).toEqual([]);
  expect(weather.outages).toBeGreaterThan(5);
});

/** Who is where, told apart by the times of their fixes, sorted. */
function timesOf(positions: Iterable<Position>): string[] {
  return [...positions].map(({ driverId, timestamp }) => `${driverId} ${timestamp}`).sort();
}
