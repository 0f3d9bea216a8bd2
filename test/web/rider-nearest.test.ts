import { signal } from '@preact/signals';
import { afterAll, expect, onTestFinished, test, vi } from 'vitest';
import { type Nearby, type Nearcast, NearcastError, type Position } from '../../src/client/index.ts';
import { clientOf } from '../client/support.ts';
import type { Message } from '../support/client.ts';
import { destination } from '../support/geodesic.ts';
import { startServer } from '../support/server.ts';

/** The parts of a page are made for a browser: by a name that is not looked up, they are not checked as Node’s. */
const load = (path: string): Promise<Message> => import(/* @vite-ignore */ `../../src/web/${path}`);
/** It comes at once, but on a machine that has other things to do. */
const until = (check: () => void) => vi.waitFor(check, { timeout: 20_000, interval: 5 });

vi.stubGlobal('navigator', { onLine: true });
vi.stubGlobal('addEventListener', () => {});
vi.stubGlobal('removeEventListener', () => {});
const { Nearest } = await load('rider/nearest.ts');
afterAll(() => void vi.unstubAllGlobals());

const HERE: [number, number] = [40.75, -73.98];
const placeOf = ([latitude, longitude]: readonly [number, number]) => ({ latitude, longitude });
const circle = (centre: readonly [number, number], radius = 500) => ({ circle: { ...placeOf(centre), radius } });

/** Asks who is near a place, and goes to others. */
function setUp(client: Nearcast | Message) {
  const session = { client: signal<Message>(client), failed: vi.fn() };
  const [here, question] = [signal<Message>(placeOf(HERE)), signal<Message>(circle(HERE))];
  const nearest = new Nearest(session, here, question);
  onTestFinished(() => {
    session.client.value = undefined;
  });
  const go = (to: readonly [number, number], radius?: number) => {
    here.value = placeOf(to);
    question.value = circle(to, radius);
  };
  /** What is seen. */
  const seen = () => ({
    state: nearest.state.value,
    problem: nearest.problem.value?.code,
    drivers: nearest.drivers.value.map(({ position }: { position: Position }) => position.driverId),
  });
  return { session, nearest, go, seen };
}

const NOTHING = { state: 'closed', problem: undefined, drivers: [] };

test('whoever forgets the token before the answer sees nobody when it comes', async () => {
  let answer: (answer: Partial<Nearby>) => void = () => {};
  let isClosed = false;
  const signals: AbortSignal[] = [];
  const { session, seen } = setUp({
    nearby: (_: unknown, { signal }: { signal: AbortSignal }) => {
      signals.push(signal);
      return new Promise((resolve) => {
        answer = resolve;
      });
    },
    watch: () => {
      if (isClosed) throw new NearcastError('closed', 'The client was closed.');
    },
  });
  isClosed = true;
  session.client.value = undefined;
  expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
  answer({ drivers: [{ driverId: 'a', ...placeOf(HERE), timestamp: 1, receivedAt: 1, distance: 0 }] });
  await new Promise((resolve) => setTimeout(resolve, 1));
  expect([seen(), session.failed.mock.calls]).toEqual([NOTHING, []]);
});

test('whoever forgets the token while it is live sees nobody, and goes on with the next', async () => {
  const server = await startServer();
  await server.post('/v1/positions', { driverId: 'a', ...placeOf(HERE) });
  const client = clientOf(server);
  const { session, go, seen } = setUp(client);
  await until(() => expect(seen()).toEqual({ state: 'live', problem: undefined, drivers: ['a'] }));
  session.client.value = undefined;
  expect(seen()).toEqual(NOTHING);
  // A client that nobody watches with lets its connection go.
  await until(() => expect(client.state).toBe('idle'));
  // Without a token there is nobody to ask.
  go(destination(HERE, 90, 100));
  expect(seen()).toEqual(NOTHING);
  session.client.value = clientOf(server);
  await until(() => expect(seen()).toEqual({ state: 'live', problem: undefined, drivers: ['a'] }));
});

test('while a question is refused nobody is shown as live, whoever moves in the circle of before', async () => {
  const server = await startServer({ env: { MAX_RADIUS_METERS: '1000' } });
  const send = (latitude: number) => server.post('/v1/positions', { driverId: 'a', latitude, longitude: HERE[1] });
  await send(HERE[0]);
  const client = clientOf(server);
  const watch = vi.spyOn(client, 'watch');
  const { nearest, go, seen } = setUp(client);
  const live = { state: 'live', problem: undefined, drivers: ['a'] };
  await until(() => expect([seen(), watch.mock.results[0]?.value.state]).toEqual([live, 'live']));
  const refused = { state: 'failed', problem: 'invalid', drivers: [] };
  const there = destination(HERE, 90, 50_000);
  go(there, 5000);
  await until(() => expect(seen()).toEqual(refused));
  const heard = vi.fn();
  watch.mock.results[0].value.on('changes', heard);
  await send(HERE[0] + 0.001);
  await until(() => expect(heard).toHaveBeenCalled());
  expect(seen()).toEqual(refused);
  // The watch goes on with the next question, and with where they are by now.
  go(destination(HERE, 90, 100), 500);
  await until(() => expect(seen()).toEqual(live));
  expect(nearest.drivers.value[0].position.latitude).toBeCloseTo(HERE[0] + 0.001, 9);
  expect(watch).toHaveBeenCalledTimes(1);
  // Asked once more it is refused once more.
  go(there, 5000);
  await until(() => expect(seen()).toEqual(refused));
  nearest.again();
  expect(seen()).toEqual({ state: 'asking', problem: undefined, drivers: [] });
  await until(() => expect(seen()).toEqual(refused));
});

/** A client whose watches have one driver, and updates that end as they are told to. */
function fakeClient(driverId: string) {
  const driver = { driverId, ...placeOf(HERE) };
  const listeners: Record<string, (event: unknown) => void> = {};
  let reject: (error: NearcastError) => void = () => {};
  const watch = {
    state: 'live',
    drivers: new Map([[driverId, driver]]),
    on: (name: string, listener: (event: unknown) => void) => {
      listeners[name] = listener;
    },
    update: () =>
      new Promise((_, refuse) => {
        reject = refuse;
      }),
  };
  const client = { nearby: async () => ({ drivers: [driver] }), watch: () => watch };
  /** What the watch tells when it ends while an update is under way. */
  const end = (state: string, error: NearcastError) => {
    reject(error);
    watch.state = state;
    listeners.state(state);
    if (state === 'failed') listeners.error(error);
  };
  return { client, end };
}

test('what was asked before the token was replaced says nothing of what is asked after', async () => {
  const before = fakeClient('a');
  const { session, go, seen } = setUp(before.client);
  await until(() => expect(seen().state).toBe('live'));
  go(destination(HERE, 90, 100));
  before.end('closed', new NearcastError('closed', 'The watch was closed.'));
  session.client.value = fakeClient('b').client;
  await until(() => expect(seen()).toEqual({ state: 'live', problem: undefined, drivers: ['b'] }));
});

test('whoever moves as the token ends still sees who was there', async () => {
  const { client, end } = fakeClient('a');
  const { go, seen } = setUp(client);
  await until(() => expect(seen().state).toBe('live'));
  go(destination(HERE, 90, 100));
  end('failed', new NearcastError('unauthorized', 'The token has ended.'));
  await new Promise((resolve) => setTimeout(resolve, 1));
  expect(seen()).toEqual({ state: 'failed', problem: 'unauthorized', drivers: ['a'] });
});
