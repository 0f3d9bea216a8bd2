import { expect, onTestFinished, test } from 'vitest';
import type { Message } from '../support/client.ts';

/** The parts of a page are made for a browser: by a name that is not looked up, they are not checked as Node’s. */
const load = (path: string): Promise<Message> => import(/* @vite-ignore */ `../../src/web/${path}`);

const { browserStorage, readJson } = await load('session/storage.ts');
const { keptUnder, Sender } = await load('driver/sender.ts');
const { keptDetails } = await load('driver/details.ts');

const fix = (latitude: number) => ({ latitude, longitude: 0 });

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
