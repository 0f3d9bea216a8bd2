import { signal } from '@preact/signals';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Nearby, type NearbyQuery, type Nearcast, NearcastError } from '../../src/client/index.ts';
import { NearestSearch } from '../../src/web/dashboard/nearest.ts';
import { Poll } from '../../src/web/dashboard/poll.ts';

/** As much of a page as is asked. */
const page = Object.assign(new EventTarget(), { hidden: false });

beforeEach(() => {
  vi.useFakeTimers();
  page.hidden = false;
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const PACE = 1_000;
const down = () => new NearcastError('network', 'No answer came');

/** A poll whose questions are answered by what `answer` is now. */
function polled() {
  const asked: string[] = [];
  const told: string[] = [];
  const server = { answer: async (question: string): Promise<string> => `to ${question}` };
  const poll = new Poll<string, string>({
    pace: PACE,
    page,
    ask: (question) => {
      asked.push(question);
      return server.answer(question);
    },
    failed: ({ code }) => void told.push(code),
  });
  return { poll, asked, told, server };
}

const later = (milliseconds = 1) => vi.advanceTimersByTimeAsync(milliseconds);

test('an answer that is not renewed stays, with why; it goes when something else is asked, and that fails too', async () => {
  const { poll, told, server } = polled();
  poll.ask('a');
  await later();
  expect(poll.answered.value).toMatchObject({ question: 'a', answer: 'to a' });
  server.answer = async () => {
    throw down();
  };
  await later(3_600_000);
  expect([poll.answered.value?.answer, poll.problem.value?.code, told]).toEqual(['to a', 'network', ['network']]);
  poll.ask('b');
  expect([poll.answered.value?.answer, poll.problem.value]).toEqual(['to a', undefined]);
  await later();
  expect([poll.answered.value, poll.problem.value?.code]).toEqual([undefined, 'network']);
  server.answer = async () => 'well';
  await later(PACE);
  expect([poll.answered.value?.answer, poll.problem.value]).toEqual(['well', undefined]);
  poll.close();
  expect(vi.getTimerCount()).toBe(0);
});

test('while nobody looks nothing is asked, and once when somebody does', async () => {
  const { poll, asked } = polled();
  poll.ask('a');
  await later();
  page.hidden = true;
  for (const question of ['b', 'c', 'd']) {
    await later(10 * PACE);
    poll.ask(question);
  }
  await later(10 * PACE);
  asked.length = 0;
  page.hidden = false;
  page.dispatchEvent(new Event('visibilitychange'));
  await later();
  expect(asked).toEqual(['d']);
  poll.close();
});

test('a server that says to come back in a month is not asked at once', async () => {
  const { poll, asked, server } = polled();
  server.answer = async () => {
    throw new NearcastError('limit', 'too many', { retryAfter: 2_592_000 });
  };
  poll.ask('a');
  await later(60_000);
  expect(asked).toHaveLength(1);
  poll.close();
});

test('an answer of another shape is told as one that cannot be understood, and it is asked again', async () => {
  const report = vi.fn();
  vi.stubGlobal('reportError', report);
  const { poll, told, server } = polled();
  server.answer = async () => {
    throw new TypeError('undefined is not iterable');
  };
  poll.ask('a');
  await later();
  expect([poll.problem.value?.code, told]).toEqual(['protocol', ['protocol']]);
  expect(report).toHaveBeenCalledTimes(1);
  server.answer = async () => 'well';
  await later(PACE);
  expect(poll.answered.value?.answer).toBe('well');
  poll.close();
});

test('what is refused for good is asked once, and what was asked before is not heard', async () => {
  const { poll, asked, server } = polled();
  let answer = (_text: string) => {};
  server.answer = () => new Promise((resolve) => (answer = resolve));
  poll.ask('slow');
  const slow = answer;
  server.answer = async () => {
    throw new NearcastError('forbidden', 'outside');
  };
  poll.ask('b');
  slow('late');
  await later(60_000);
  expect([asked, poll.answered.value, poll.problem.value?.code]).toEqual([['slow', 'b'], undefined, 'forbidden']);
  poll.close();
});

test('who is nearest is told of the place and the radius that are asked for, and of no others', async () => {
  let answer: (query: NearbyQuery) => Promise<Nearby> = async () => ({ drivers: [], serverTime: 1, cursor: '' });
  const client = { nearby: (query: NearbyQuery) => answer(query) } as Nearcast;
  const search = new NearestSearch({ client: signal(client), where: signal({}), page, failed: () => {} });
  search.radius.value = 500;
  search.from({ lat: 1, lng: 1 });
  await later();
  expect(search.answer.value?.drivers).toEqual([]);
  answer = () => new Promise(() => {});
  search.radius.value = 5_000;
  expect(search.answer.value).toBeUndefined();
  answer = async () => {
    throw down();
  };
  search.from({ lat: 2, lng: 2 });
  await later();
  expect(search.problem.value?.code).toBe('network');
  answer = () => new Promise(() => {});
  search.from({ lat: 3, lng: 3 });
  expect(search.problem.value).toBeUndefined();
  search.close();
});
