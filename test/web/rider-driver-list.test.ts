import { signal } from '@preact/signals';
import { afterAll, expect, test, vi } from 'vitest';
import type { Message } from '../support/client.ts';

// It goes on each second, for as long as there is a page.
vi.mock('../../src/web/phone/now.ts', () => ({ now: signal(0) }));

/** The parts of a page are made for a browser: by a name that is not looked up, they are not checked as Node’s. */
const load = (path: string): Promise<Message> => import(/* @vite-ignore */ `../../src/web/${path}`);

vi.stubGlobal('document', { querySelector: () => null });
const { DriverList, LISTED } = await load('rider/driver-list.tsx');
const { StateLine } = await load('rider/state-line.tsx');
afterAll(() => void vi.unstubAllGlobals());

const SERVER_TIME = 1_800_000_000_000;
const session = {
  client: signal({ serverTime: SERVER_TIME, age: ({ timestamp }: Message) => SERVER_TIME - timestamp }),
  connection: signal('open'),
  closed: signal(undefined),
};

/** The elements of what is drawn, from the outermost on. */
function elements(node: Message): Message[] {
  if (Array.isArray(node)) return node.flatMap(elements);
  if (typeof node !== 'object' || node === null) return [];
  if (typeof node.type === 'function') return elements(node.type(node.props));
  return [node, ...elements(node.props.children)];
}

/** The words of what is drawn. */
function words(node: Message): string {
  if (Array.isArray(node)) return node.map(words).join('');
  if (typeof node !== 'object' || node === null) return typeof node === 'boolean' ? '' : String(node ?? '');
  return words(typeof node.type === 'function' ? node.type(node.props) : node.props.children);
}

/** A driver who was heard of, and by its own clock, so many milliseconds ago. */
const near = (received: number, taken: number) => ({
  position: { driverId: 'a', receivedAt: SERVER_TIME - received, timestamp: SERVER_TIME - taken },
  distance: 100,
  bearing: 0,
});

test.each([
  ['of whom nothing was received for a minute is grey', 61_000, 61_000, 'silent', '1 min ago'],
  ['whose clock is slow is not, and its age is by that clock', 1_000, 300_000, '', '5 min ago'],
  ['whose clock is fast is all the same', 61_000, -300_000, 'silent', '0.0 s ago'],
  ['of just now is not', 2_000, 2_000, '', '2.0 s ago'],
])('a driver %s', (_, received, taken, tone, age) => {
  const list = DriverList({ drivers: [near(received, taken)], session });
  const item = elements(list).find(({ type }) => type === 'li');
  expect(item.props.class).toBe(tone);
  expect(words(item)).toContain(age);
});

test('the state tells how many are listed of how many', () => {
  const line = (count: number) =>
    words(
      StateLine({
        nearest: { state: signal('live'), problem: signal(undefined), drivers: signal(Array(count).fill(near(0, 0))) },
        session,
        radius: signal(500),
        onlyAvailable: signal(false),
      }),
    );
  expect(line(LISTED)).toBe(`Live.${LISTED} within 500 m`);
  expect(line(LISTED + 1)).toBe(`Live.${LISTED + 1} within 500 m, the nearest ${LISTED}:`);
});
