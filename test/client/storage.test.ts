import { expect, test } from 'vitest';
import { type Fix, type FixStorage, type WebStorage, webStorage } from '../../src/client/index.ts';
import { startServer, token } from '../support/server.ts';
import { FakeServer } from './fake-server.ts';
import { clientOf, collect, ManualClock, next } from './support.ts';

const here = { latitude: 1, longitude: 2 };

/** `localStorage`, as a page has it. */
class FakeWebStorage implements WebStorage {
  readonly items = new Map<string, string>();
  getItem(key: string) {
    return this.items.get(key) ?? null;
  }
  setItem(key: string, value: string) {
    this.items.set(key, value);
  }
  removeItem(key: string) {
    this.items.delete(key);
  }
}

/** Keeps what it is given, and how often. */
class FakeStorage implements FixStorage {
  saved: readonly Fix[] = [];
  saves = 0;
  async load() {
    return this.saved;
  }
  save(fixes: readonly Fix[]) {
    this.saves++;
    this.saved = fixes;
  }
}

test('a queue survives a reload: what had no verdict is sent by the next track, before what is new', async () => {
  const web = new FakeWebStorage();
  const clock = new ManualClock();
  const nowhere = clientOf({ port: 1 }, { clock });
  const before = nowhere.track({ driverId: 'd', storage: webStorage('fixes', web) });
  before.send({ ...here, timestamp: 1 });
  before.send({ ...here, timestamp: 2 });
  await before.close();
  expect(JSON.parse(web.items.get('fixes') ?? '')).toMatchObject([{ timestamp: 1 }, { timestamp: 2 }]);

  const server = await startServer();
  const after = clientOf(server).track({ driverId: 'd', storage: webStorage('fixes', web) });
  const verdicts = collect(after, 'verdict');
  after.send({ ...here, timestamp: 3 });
  await after.flush();
  expect(verdicts.map(({ fix, verdict }) => [fix.timestamp, verdict])).toEqual([
    [1, 'accepted'],
    [2, 'accepted'],
    [3, 'accepted'],
  ]);
  await after.close();
  expect(web.items.size).toBe(0);
});

test('a kept queue is sent though nothing new is, and an empty one needs no connection', async () => {
  const server = await startServer();
  const storage = new FakeStorage();
  storage.saved = [{ ...here, driverId: 'd', timestamp: 1 }];
  const nearcast = clientOf(server);
  const track = nearcast.track({ storage });
  await track.flush();
  expect(server.tracker.driver({ fleet: 'default' }, 'd')?.position.timestamp).toBe(1);
  const idle = clientOf(server, { token: token() });
  await idle.track({ storage: new FakeStorage() }).flush();
  expect(idle.state).toBe('idle');
});

test('nothing is sent before what was kept is there, though there is a connection', async () => {
  const server = await FakeServer.start();
  const nearcast = clientOf(server);
  const watch = nearcast.watch({});
  const connection = await server.connection();
  await connection.snapshot([]);
  await watch.ready;
  let load: (fixes: Fix[]) => void = () => {};
  const loaded = new Promise<Fix[]>((resolve) => {
    load = resolve;
  });
  const track = nearcast.track({ storage: { load: () => loaded, save: () => {} } });
  track.send({ ...here, timestamp: 2 });
  const changed = next(watch, 'changes');
  connection.changes('w1', {});
  await changed;
  expect(connection.untaken).toBe(0);
  load([{ ...here, timestamp: 1 }, null as unknown as Fix]);
  const { positions } = await connection.next();
  expect(positions).toMatchObject([{ timestamp: 1 }, { timestamp: 2 }]);
});

test('what was kept is not overwritten before it is there, and is kept on with what came meanwhile', async () => {
  const nearcast = clientOf({ port: 1 }, { clock: new ManualClock() });
  const kept: Fix[] = [{ ...here, timestamp: 1 }];
  let load: (fixes: Fix[]) => void = () => {};
  const saves: (readonly Fix[])[] = [];
  const track = nearcast.track({
    storage: {
      load: () =>
        new Promise<Fix[]>((resolve) => {
          load = resolve;
        }),
      save: (fixes) => void saves.push(fixes),
    },
  });
  track.send({ ...here, timestamp: 2 });
  await new Promise(setImmediate);
  expect(saves).toEqual([]);
  load(kept);
  await new Promise(setImmediate);
  expect(saves).toMatchObject([[{ timestamp: 1 }, { timestamp: 2 }]]);
});

test('it is saved at once, then at most every second, and when the page goes', async () => {
  const server = await FakeServer.start();
  const clock = new ManualClock();
  const page = new EventTarget();
  const storage = new FakeStorage();
  const track = clientOf(server, { clock, page }).track({ storage });
  await track.flush();
  const connection = server.connection();
  track.send({ ...here, timestamp: 1 });
  await connection;
  expect(storage.saves).toBe(1);
  track.send({ ...here, timestamp: 2 });
  track.send({ ...here, timestamp: 3 });
  await (await connection).next();
  expect(storage.saves).toBe(1);
  clock.advance(1000);
  expect(storage).toMatchObject({ saves: 2, saved: [{ timestamp: 1 }, { timestamp: 2 }, { timestamp: 3 }] });
  track.send({ ...here, timestamp: 4 });
  page.dispatchEvent(new Event('pagehide'));
  expect(storage).toMatchObject({ saves: 3, saved: { length: 4 } });
});

test('a slow storage is given one queue at a time, and the latest before the track is closed', async () => {
  const server = await FakeServer.start();
  const clock = new ManualClock();
  const done: (() => void)[] = [];
  const saved: number[] = [];
  const storage: FixStorage = {
    load: () => [],
    save: (fixes) => {
      saved.push(fixes.length);
      return new Promise((resolve) => done.push(resolve));
    },
  };
  const track = clientOf(server, { clock }).track({ storage });
  track.send(here);
  await (await server.connection()).next();
  track.send(here);
  clock.advance(5000);
  expect(saved).toEqual([1]);
  done[0]();
  while (done.length < 2) await Promise.resolve();
  expect(saved).toEqual([1, 2]);
  track.send(here);
  const closed = track.close();
  done[1]();
  while (done.length < 3) await Promise.resolve();
  done[2]();
  await closed;
  expect(saved).toEqual([1, 2, 3]);
});

test('whoever closes a track, though another has, waits until the next can have its storage', async () => {
  const storage = new FakeStorage();
  const nowhere = clientOf({ port: 1 });
  const before = nowhere.track({ storage });
  await Promise.resolve();
  before.send({ ...here, timestamp: 1 });
  before.send({ ...here, timestamp: 2 });
  // As when a page goes on with another token.
  void nowhere.close();
  await before.close();
  expect(storage.saved).toMatchObject([{ timestamp: 1 }, { timestamp: 2 }]);
});

test('a storage that fails is told, and the queue goes on in memory', async () => {
  const server = await startServer();
  const storage: FixStorage = {
    load: () => Promise.reject(new Error('locked')),
    save: () => {
      throw new Error('full');
    },
  };
  const track = clientOf(server).track({ driverId: 'd', storage });
  const error = next(track, 'error');
  expect(await error).toMatchObject({ message: 'The saved queue could not be loaded: locked' });
  const full = next(track, 'error');
  track.send(here);
  expect(await full).toMatchObject({ message: 'The queue could not be saved: full' });
  await track.flush();
  expect(server.tracker.driver({ fleet: 'default' }, 'd')).toBeDefined();
});

test('without a localStorage one is asked for', () => {
  expect(() => webStorage('fixes')).toThrow('There is no localStorage here: pass a storage.');
});
