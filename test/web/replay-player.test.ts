import { effect, type Signal, signal } from '@preact/signals';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { Nearcast, Position, Where } from '../../src/client/index.ts';
import { MemoryTracks } from '../../src/store/memory-tracks.ts';
import { type PlayerState, ReplayPlayer, type Stage } from '../../src/web/dashboard/replay-player.ts';
import { clientOf, hasty } from '../client/support.ts';
import { type Kept, madeUpDay, sourceOf, Truth } from '../history/past.ts';
import { type AskedArea, box } from '../support/areas.ts';
import type { Place } from '../support/geodesic.ts';
import { Network } from '../support/network.ts';
import { seeded } from '../support/random.ts';
import { startServer, token } from '../support/server.ts';

const PATIENCE = { timeout: 20_000 };
const HERE: Place = [40.75, -73.98];
const FROM = Math.floor(Date.now() / 60_000) * 60_000 - 2 * 3_600_000;
const TO = FROM + 1_200_000;
const PERIOD = { from: FROM, to: TO };
const NARROW = box(-74.01, 40.73, -73.97, 40.76);
const WIDE = box(-74.2, 40.6, -73.8, 40.9);

/** A map without a map. */
class FakeStage implements Stage {
  readonly session: { readonly client: Signal<Nearcast | undefined> };
  readonly where = signal<Where>({});
  readonly subject = signal({});
  readonly rested = signal(0);
  readonly paused = signal(false);
  readonly placed = new Map<string, Position>();
  readonly failures: unknown[] = [];
  leaps = 0;
  clock: (() => number) | undefined;
  asked = WIDE;

  constructor(client: Nearcast) {
    this.session = { client: signal<Nearcast | undefined>(client) };
  }

  get area() {
    return { bbox: this.asked.fields.bbox as [number, number, number, number] };
  }

  pan(to: AskedArea): void {
    this.asked = to;
    this.rested.value++;
  }

  useClock(clock: (() => number) | undefined): void {
    this.clock = clock;
  }

  put(position: Position): void {
    this.placed.set(position.driverId, position);
  }

  exit(driverId: string): void {
    this.placed.delete(driverId);
  }

  only(drivers: ReadonlyMap<string, Position>): void {
    for (const driverId of [...this.placed.keys()]) if (!drivers.has(driverId)) this.placed.delete(driverId);
  }

  leap(): void {
    this.leaps++;
    this.placed.clear();
  }

  failed(error: unknown): void {
    this.failures.push(error);
  }

  /** Who is shown, and the fix of each. */
  get shown() {
    return [...this.placed.values()].map(({ driverId, timestamp }) => [driverId, timestamp]).sort(byId);
  }
}

const byId = ([a]: readonly unknown[], [b]: readonly unknown[]) => (String(a) < String(b) ? -1 : 1);

/** Who was there, and the newest fix of each. */
function were(truth: Truth, area: AskedArea, time: number, status?: string) {
  return [...truth.inside({ area, status }, time).values()]
    .map(({ driverId, timestamp }) => [driverId, timestamp])
    .sort(byId);
}

async function setUp(fixes: readonly Kept[], env: Record<string, string> = {}) {
  const history = { tracks: new MemoryTracks({ fixesOf: () => [] }), replays: sourceOf(fixes) };
  const server = await startServer({ history, env });
  const network = await Network.to(server.port);
  const stage = new FakeStage(clientOf(network, { clock: hasty().clock }));
  // A wall clock that is fast, so that what it leads to is always a little ahead.
  const player = new ReplayPlayer(stage, () => 1.2 * performance.now());
  onTestFinished(() => player.close());
  return { server, network, stage, player };
}

/** Resolves when the player stands so. */
function until(player: ReplayPlayer, ...states: PlayerState[]): Promise<void> {
  return new Promise((resolve) => {
    let off = () => {};
    let isIt = false;
    off = effect(() => {
      isIt ||= states.includes(player.state.value);
      if (!isIt) return;
      queueMicrotask(() => off());
      resolve();
    });
  });
}

const day = (name: string) =>
  madeUpDay(seeded(name), HERE, { drivers: 40, from: FROM, to: TO, reach: 8_000, pause: [3, 60] });

test('it plays a period in place of what is live, with a clock that never goes back, and gives the map back', async () => {
  const fixes = day('a played period');
  const { stage, player } = await setUp(fixes);
  expect([player.state.value, stage.paused.value]).toEqual(['off', false]);
  const clocks: number[] = [];
  const put = stage.put.bind(stage);
  stage.put = (position) => {
    clocks.push(stage.clock?.() as number);
    put(position);
  };
  player.setSpeed(1_800);
  player.begin(PERIOD);
  expect([player.state.value, stage.paused.value, stage.clock?.()]).toEqual(['loading', true, FROM]);
  await until(player, 'playing');
  const seen = [player.time.value];
  const off = effect(() => void seen.push(player.time.value));
  const looking = setInterval(() => clocks.push(player.now), 1);
  await until(player, 'ended');
  clearInterval(looking);
  off();
  expect(stage.shown).toEqual(were(new Truth(fixes), WIDE, TO));
  expect([player.time.value, stage.clock?.(), player.hasSeen.value]).toEqual([TO, TO, true]);
  expect(clocks.length).toBeGreaterThan(100);
  for (const list of [clocks, seen]) expect(list).toEqual(list.toSorted((a, b) => a - b));
  player.close();
  expect([player.state.value, stage.paused.value, stage.clock, stage.placed.size]).toEqual([
    'off',
    false,
    undefined,
    0,
  ]);
});

test('paused, it shows just who was there at the time of its clock, wherever it is sought and the map is moved to', async () => {
  const fixes = day('a paused replay');
  const truth = new Truth(fixes);
  const { stage, player } = await setUp(fixes);
  const random = seeded('where to seek');
  player.begin(PERIOD);
  await until(player, 'playing');
  // Between two messages it is told of nothing, and stands at a time that it was not told of.
  player.pause();
  expect(player.state.value).toBe('paused');
  const stopped = player.now;
  await vi.waitUntil(() => JSON.stringify(stage.shown) === JSON.stringify(were(truth, WIDE, stopped)), PATIENCE);
  expect(player.now).toBe(stopped);
  const times = [FROM, TO, ...Array.from({ length: 3 }, () => FROM + random.below(TO - FROM))];
  for (const time of times) {
    const { leaps } = stage;
    player.seek(time);
    expect([player.state.value, player.time.value]).toEqual(['loading', time]);
    await until(player, 'paused', 'ended');
    // Nobody glides to another time.
    expect(stage.leaps).toBe(leaps + 1);
    // Of the end the moment before is looked at.
    expect(stage.shown).toEqual(were(truth, WIDE, Math.min(time, TO - 1)));
    expect([player.now, player.state.value]).toEqual([time, time === TO ? 'ended' : 'paused']);
  }
  const { now } = player;
  stage.pan(NARROW);
  await until(player, 'loading');
  await until(player, 'paused');
  expect(stage.shown).toEqual(were(truth, NARROW, now));
  stage.where.value = { status: 'free' };
  await until(player, 'loading');
  await until(player, 'paused');
  expect(stage.shown).toEqual(were(truth, NARROW, now, 'free'));
  expect([player.now, player.time.value]).toEqual([now, now]);
  // Beyond the period there is nothing.
  player.seek(TO + 1);
  expect(player.now).toBe(TO);
  player.seek(FROM - 1);
  expect(player.now).toBe(FROM);
});

test('while it plays, another view, filter or speed goes on from the time that it had come to', async () => {
  const fixes = day('a replay that is changed');
  const truth = new Truth(fixes);
  const { stage, player } = await setUp(fixes);
  player.setSpeed(900);
  player.begin(PERIOD);
  await vi.waitUntil(() => player.now > FROM + 200_000, PATIENCE);
  const change = async (how: () => void) => {
    const before = player.now;
    how();
    await until(player, 'loading');
    await until(player, 'playing');
    expect(player.now).toBeGreaterThanOrEqual(before);
    expect(player.now).toBeLessThan(before + 600_000);
  };
  await change(() => stage.pan(NARROW));
  await change(() => {
    stage.where.value = { status: 'busy' };
  });
  await change(() => player.setSpeed(2_400));
  await until(player, 'ended');
  expect(stage.shown).toEqual(were(truth, NARROW, TO, 'busy'));
  // From the end it goes on at the beginning.
  player.play();
  expect(player.now).toBe(FROM);
  await until(player, 'playing');
});

test('where nothing is kept it comes to the end, having seen nobody', async () => {
  const { stage, player } = await setUp([]);
  player.setSpeed(3_600);
  player.begin(PERIOD);
  await until(player, 'playing');
  // Without a message the clock goes on.
  await vi.waitUntil(() => player.time.value > FROM + 100_000, PATIENCE);
  await until(player, 'ended');
  expect([player.hasSeen.value, stage.placed.size, player.time.value]).toEqual([false, 0, TO]);
});

test('it says why it cannot be: no history, a token that may not, and who is to wait', async () => {
  const without = clientOf(await startServer());
  const stage = new FakeStage(without);
  const player = new ReplayPlayer(stage);
  onTestFinished(() => player.close());
  stage.put({ driverId: 'present', latitude: 0, longitude: 0, timestamp: 0, receivedAt: 0 });
  player.begin(PERIOD);
  await until(player, 'failed');
  expect(player.problem.value).toMatchObject({ code: 'not_found' });
  // Who is there now was not there then.
  expect(stage.placed.size).toBe(0);
  expect(stage.failures).toEqual([]);

  const { server, stage: busy, player: second } = await setUp([], { MAX_REPLAYS: '0' });
  second.begin(PERIOD);
  await until(second, 'failed');
  expect(second.problem.value).toMatchObject({ code: 'not_found' });
  // Another token, another try.
  busy.session.client.value = clientOf(server, { token: token({ scope: 'positions:write' }) });
  await until(second, 'loading');
  await until(second, 'failed');
  expect(second.problem.value).toMatchObject({ code: 'forbidden' });
  busy.session.client.value = clientOf(server, { token: 'x' });
  await until(second, 'loading');
  await until(second, 'failed');
  expect(busy.failures).toMatchObject([{ code: 'unauthorized' }]);
  expect(second.state.value).toBe('failed');
});

test('a broken connection is told, and played on from', async () => {
  const { network, player } = await setUp(day('a broken replay'));
  player.setSpeed(300);
  player.begin(PERIOD);
  await vi.waitUntil(() => player.now > FROM + 60_000, PATIENCE);
  network.cut();
  await until(player, 'waiting');
  expect(player.problem.value).toMatchObject({ code: 'network' });
  const stopped = player.now;
  await until(player, 'playing');
  expect(player.problem.value).toBeUndefined();
  expect(Math.abs(player.now - stopped)).toBeLessThan(300_000);
});
