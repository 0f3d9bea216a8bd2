import { computed, signal } from '@preact/signals';
import { afterAll, expect, onTestFinished, test, vi } from 'vitest';
import type { Message } from '../support/client.ts';

/** The parts of a page are made for a browser: by a name that is not looked up, they are not checked as Node’s. */
const load = (path: string): Promise<Message> => import(/* @vite-ignore */ `../../src/web/${path}`);
/** It comes at once, but on a machine that has other things to do. */
const until = (check: () => void) => vi.waitFor(check, { timeout: 20_000, interval: 5 });

const KEPT = 'nearcast.duty';

/** Locks of all tabs, by name: who holds it, and who waits. */
const locks = new Map<string, (() => void)[]>();
/** Those of a browser, as far as they are used. */
async function request(name: string, { ifAvailable, signal: over }: Message, run: (lock: unknown) => unknown) {
  const queue = locks.get(name) ?? [];
  locks.set(name, queue);
  if (queue.length > 0 && ifAvailable) return run(null);
  await new Promise<void>((resolve, reject) => {
    queue.push(resolve);
    if (queue.length === 1) resolve();
    over?.addEventListener('abort', () => {
      if (queue.indexOf(resolve) > 0) reject(queue.splice(queue.indexOf(resolve), 1));
    });
  });
  await run({ name });
  queue.shift();
  queue[0]?.();
}

vi.stubGlobal('isSecureContext', false);
vi.stubGlobal('document', Object.assign(new EventTarget(), { visibilityState: 'visible' }));
vi.stubGlobal('navigator', { locks: { request } });
const { tabStorage } = await load('session/storage.ts');
const { Duty } = await load('driver/duty.ts');
afterAll(() => void vi.unstubAllGlobals());

/** A session without a server, and what its clients were asked for. */
function fakeSession(sub: string) {
  const told: string[] = [];
  const claims = signal<Message>({ sub, scope: 'positions:write' });
  const client = signal<Message>(undefined);
  const enter = (name: string, subject = sub, fleet?: string) => {
    claims.value = { ...claims.value, sub: subject, fleet };
    client.value = {
      track: ({ driverId }: Message) => {
        told.push(`${name} tracks ${driverId}`);
        return {
          pending: 0,
          on: () => {},
          send: (fix: unknown) => fix,
          close: async () => void told.push(`${name} ends`),
          offDuty: async () => void told.push(`${name} goes off duty`),
        };
      },
    };
  };
  onTestFinished(() => tabStorage.removeItem(KEPT));
  return { told, enter, session: { client, claims: computed(() => claims.value), failed: vi.fn() } as Message };
}

/** Another tab holds the queue of a driver. @returns lets it go */
function holdElsewhere(driverId: string): () => void {
  let release = () => {};
  void request(`nearcast.fixes::${driverId}`, {}, () => new Promise<void>((resolve) => (release = resolve)));
  return () => release();
}

/** All that is under way has its turn. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 1));

test('while another tab is on duty, a new token opens nothing, and is used when that tab is closed', async () => {
  const { told, enter, session } = fakeSession('driver-1');
  enter('first');
  const duty = new Duty(session, 300);
  await duty.start();
  duty.stop();
  await until(() => expect(duty.phase.value).toBe('off'));
  await settled();
  const release = holdElsewhere('driver-1');
  await settled();
  void duty.start();
  await until(() => expect(duty.phase.value).toBe('elsewhere'));
  told.length = 0;
  enter('second');
  await settled();
  expect([told, duty.phase.value]).toEqual([[], 'elsewhere']);
  release();
  await until(() => expect(duty.phase.value).toBe('on'));
  expect(told).toEqual(['second tracks driver-1']);
});

test('while another tab is on duty, the token of somebody else takes nothing over', async () => {
  const { told, enter, session } = fakeSession('driver-2');
  enter('first');
  const release = holdElsewhere('driver-2');
  const duty = new Duty(session, 300);
  void duty.start();
  await until(() => expect(duty.phase.value).toBe('elsewhere'));
  enter('second', 'driver-3');
  await until(() => expect(duty.phase.value).toBe('off'));
  release();
  await settled();
  expect([told, duty.phase.value]).toEqual([[], 'off']);
});

test('what waits for one fleet is not sent to another, though the driver has the same name there', async () => {
  const { told, enter, session } = fakeSession('b:c');
  enter('first', 'b:c', 'a');
  const duty = new Duty(session, 300);
  await duty.start();
  expect([...locks.keys()].filter((name) => name.includes('b%3Ac'))).toEqual(['nearcast.fixes:a:b%3Ac']);
  told.length = 0;
  enter('second', 'b:c', 'x');
  await until(() => expect(duty.phase.value).toBe('off'));
  await settled();
  expect(told).toEqual(['first ends']);
  // A colon does not make one queue of two.
  enter('third', 'c', 'a:b');
  await duty.start();
  expect([...locks.keys()]).toContain('nearcast.fixes:a%3Ab:c');
  duty.stop();
  await until(() => expect(duty.phase.value).toBe('off'));
});

test('a token that comes while the queue is opened does not open it twice', async () => {
  const { told, enter, session } = fakeSession('driver-4');
  enter('first');
  const duty = new Duty(session, 300);
  const started = duty.start();
  enter('second');
  await started;
  expect([told, duty.phase.value]).toEqual([['second tracks driver-4'], 'on']);
  // It is held by this tab once, and for the next when it goes off duty.
  expect(locks.get('nearcast.fixes::driver-4')).toHaveLength(1);
  duty.stop();
  await until(() => expect(duty.phase.value).toBe('off'));
  await settled();
  expect(locks.get('nearcast.fixes::driver-4')).toHaveLength(0);
  expect(told).toEqual(['second tracks driver-4', 'second goes off duty', 'second ends']);
});

test('whoever goes off duty before the queue is opened, or forgets the token, is off duty', async () => {
  const { told, enter, session } = fakeSession('driver-5');
  enter('first');
  const duty = new Duty(session, 300);
  const forget = () => {
    session.client.value = undefined;
  };
  for (const end of [() => duty.stop(), forget]) {
    const started = duty.start();
    expect(duty.phase.value).toBe('on');
    end();
    await started;
    await settled();
    expect([told, duty.phase.value, tabStorage.getItem(KEPT)]).toEqual([[], 'off', null]);
    expect(locks.get('nearcast.fixes::driver-5')).toHaveLength(0);
  }
});

test.each(['{', 'null', '7', '[]', '"on"', '{"driverId":7}'])('a duty that is kept as %j is none', async (kept) => {
  const { told, enter, session } = fakeSession('driver-6');
  tabStorage.setItem(KEPT, kept);
  const unhandled = vi.fn();
  process.once('unhandledRejection', unhandled);
  onTestFinished(() => void process.off('unhandledRejection', unhandled));
  enter('first');
  const duty = new Duty(session, 300);
  await settled();
  expect([told, duty.phase.value, unhandled.mock.calls]).toEqual([[], 'off', []]);
});

test('a tab that is loaded anew goes on where it was', async () => {
  const { told, enter, session } = fakeSession('driver-7');
  tabStorage.setItem(KEPT, JSON.stringify({ driverId: 'driver-7', phase: 'on' }));
  enter('first');
  const duty = new Duty(session, 300);
  await until(() => expect(duty.phase.value).toBe('on'));
  expect(told).toEqual(['first tracks driver-7']);
});
