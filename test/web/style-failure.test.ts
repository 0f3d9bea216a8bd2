import { expect, test } from 'vitest';
import { StyleFailure } from '../../src/web/map/style-failure.ts';

function memory() {
  const kept = new Map<string, string>();
  return {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  };
}

test('a failure is remembered by the next page of the session, for that style alone, until it comes', () => {
  const session = memory();
  const page = (of: string) => new StyleFailure(of, session, () => 1_000);
  expect(page('a').mayAsk).toBe(true);
  page('a').remember();
  expect(page('a').mayAsk).toBe(false);
  expect(page('b').mayAsk).toBe(true);
  page('a').forget();
  expect(page('a').mayAsk).toBe(true);
});

test('it may be tried again a minute later, at the earliest, also by the next page', () => {
  let now = 1_000;
  const session = memory();
  const failure = new StyleFailure('a', session, () => now);
  expect(failure.mayAsk).toBe(true);
  failure.remember();
  now += 59_999;
  expect(failure.mayAsk).toBe(false);
  now += 1;
  expect(failure.mayAsk).toBe(true);
  expect(new StyleFailure('a', session, () => now).mayAsk).toBe(true);
});

test('without a storage, or with one that throws or holds rubbish, the page itself remembers', () => {
  const refuse = () => {
    throw new Error('forbidden');
  };
  const rubbish = { getItem: () => '{', setItem() {}, removeItem() {} };
  for (const storage of [undefined, { getItem: refuse, setItem: refuse, removeItem: refuse }, rubbish]) {
    const failure = new StyleFailure('a', storage, () => 1_000);
    expect(failure.mayAsk).toBe(true);
    failure.remember();
    expect(failure.mayAsk).toBe(false);
    failure.forget();
    expect(failure.mayAsk).toBe(true);
  }
});
