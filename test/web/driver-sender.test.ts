import { expect, onTestFinished, test, vi } from 'vitest';
import type { Message } from '../support/client.ts';

/** The parts of a page are made for a browser: by a name that is not looked up, they are not checked as Node’s. */
const load = (path: string): Promise<Message> => import(/* @vite-ignore */ `../../src/web/${path}`);
/** It comes at once, but on a machine that has other things to do. */
const until = (check: () => void) => vi.waitFor(check, { timeout: 20_000, interval: 5 });

const { browserStorage, readJson } = await load('session/storage.ts');
const { keptUnder, Sender } = await load('driver/sender.ts');
const { keptDetails } = await load('driver/details.ts');

const fix = (latitude: number) => ({ latitude, longitude: 0 });

/** Clients whose tracks end when they are told to, and what happened, in order. */
function fakeClients() {
  const told: string[] = [];
  const closing: (() => void)[] = [];
  const clientOf = (name: string): Message => ({
    track: () => {
      told.push(`${name} opens`);
      return {
        pending: 1,
        on: () => {},
        send: (sent: Message) => {
          told.push(`${name} sends ${sent.latitude}`);
          return sent;
        },
        offDuty: async () => void told.push(`${name} goes off duty`),
        close: () =>
          new Promise<void>((resolve) => {
            closing.push(() => {
              told.push(`${name} is closed`);
              resolve();
            });
          }),
      };
    },
  });
  /** Ends what is about to be closed. */
  const release = async () => {
    await until(() => expect(closing).not.toEqual([]));
    for (const end of closing.splice(0)) end();
  };
  return { told, clientOf, release };
}

test('what is sent while the token is replaced goes with the next, in its order, and off duty goes after it', async () => {
  const { told, clientOf, release } = fakeClients();
  const sender = new Sender('driver-7', 'while the token is replaced');
  await sender.use(clientOf('first'));
  sender.send(fix(1));
  const using = sender.use(clientOf('second'));
  sender.send(fix(2));
  sender.send(fix(3));
  expect(sender.waiting.value).toBe(3);
  const off = sender.offDuty(new AbortController().signal);
  await release();
  await Promise.all([using, off]);
  expect(told).toEqual([
    'first opens',
    'first sends 1',
    'first is closed',
    'second opens',
    'second sends 2',
    'second sends 3',
    'second goes off duty',
  ]);
});

test('of tokens that come quickly the last is used, and never are there two tracks', async () => {
  const { told, clientOf, release } = fakeClients();
  const sender = new Sender('driver-7', 'two tokens');
  await sender.use(clientOf('first'));
  const uses = [sender.use(clientOf('second')), sender.use(clientOf('third'))];
  await release();
  await Promise.all(uses);
  sender.send(fix(1));
  expect(told).toEqual(['first opens', 'first is closed', 'third opens', 'third sends 1']);
});

test('it is closed after what was begun, and then opens nothing', async () => {
  const { told, clientOf, release } = fakeClients();
  const sender = new Sender('driver-7', 'closed');
  await sender.use(clientOf('first'));
  const using = sender.use(clientOf('second'));
  sender.send(fix(1));
  const closed = sender.close();
  await release();
  await using;
  await release();
  await closed;
  await sender.use(clientOf('third'));
  sender.send(fix(2));
  expect(told).toEqual(['first opens', 'first is closed', 'second opens', 'second sends 1', 'second is closed']);
});

test('without a client nobody goes off duty', async () => {
  const sender = new Sender('driver-7', 'no client');
  await expect(sender.offDuty(new AbortController().signal)).rejects.toMatchObject({ code: 'closed' });
  const ended = {
    track: () => {
      throw new Error('The client was closed.');
    },
  };
  await expect(sender.use(ended)).rejects.toThrow('The client was closed.');
  await expect(sender.offDuty(new AbortController().signal)).rejects.toMatchObject({ code: 'closed' });
  // The next one has its turn all the same.
  const { told, clientOf } = fakeClients();
  sender.send(fix(1));
  await sender.use(clientOf('next'));
  expect(told).toEqual(['next opens', 'next sends 1']);
});

const NO_QUEUES = ['{', '', 'null', '7', '"text"', '{"length":3}', 'true'];

test.each(NO_QUEUES)('a queue that is kept as %j is as if it were not there', async (kept) => {
  browserStorage.setItem('queue', kept);
  onTestFinished(() => browserStorage.removeItem('queue'));
  expect(keptUnder('queue')).toBe(0);
  const sender = new Sender('driver-7', 'queue');
  expect(sender.waiting.value).toBe(0);
  let storage: Message;
  await sender.use({
    track: (options: Message) => {
      storage = options.storage;
      return { pending: 0, on: () => {} };
    },
  });
  expect(await storage.load()).toEqual([]);
});

test('of a kept queue those count that can be fixes', () => {
  browserStorage.setItem('queue', JSON.stringify([fix(1), null, 7, fix(2)]));
  onTestFinished(() => browserStorage.removeItem('queue'));
  expect(keptUnder('queue')).toBe(2);
});

const NOBODY = { driverId: '', status: 'available', vehicle: '' };

const KEPT_DETAILS: [string, Message][] = [
  ...NO_QUEUES.map((kept): [string, Message] => [kept, NOBODY]),
  ['[1,2]', NOBODY],
  ['{"driverId":7,"status":"asleep","vehicle":null}', NOBODY],
  ['{"status":"busy","driverId":"van 3","more":1}', { driverId: 'van 3', status: 'busy', vehicle: '' }],
];

test.each(KEPT_DETAILS)('details that are kept as %j', (kept, details) => {
  browserStorage.setItem('nearcast.driver', kept);
  onTestFinished(() => browserStorage.removeItem('nearcast.driver'));
  expect(keptDetails()).toEqual(details);
});

test('what is kept is read where it is JSON', () => {
  onTestFinished(() => browserStorage.removeItem('kept'));
  expect(readJson(browserStorage, 'kept')).toBeUndefined();
  for (const [text, value] of [
    ['{', undefined],
    ['null', undefined],
    ['0', 0],
    ['[1]', [1]],
  ] as const) {
    browserStorage.setItem('kept', text);
    expect(readJson(browserStorage, 'kept')).toEqual(value);
  }
});
