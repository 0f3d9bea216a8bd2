import { isSafe } from 'redos-detector';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { preferred } from '../../src/http/accept.ts';
import { timestampSchema } from '../../src/protocol/fix.ts';
import { type Expression, expressionsOf } from './expressions.ts';

const TIME = z.regexes.datetime({ offset: true });
/** Run by hand over texts of our own, never by a server. */
const TOOLS = /^src\/write-/;
const all: Expression[] = [
  ...expressionsOf('src/**/*.ts').filter(({ where }) => !TOOLS.test(where)),
  { where: 'zod’s times with an offset', regex: TIME },
];

/** Whether the number of ways in which an expression can be tried on a text is bounded, whatever the text. */
const isBounded = (regex: RegExp) => isSafe(regex, { timeout: 10_000 }).safe;

test('the judge knows an expression that takes exponential time, and one that takes quadratic time', () => {
  expect(isBounded(/^(a+)+$/)).toBe(false);
  expect(isBounded(/^\d*\d*$/)).toBe(false);
  expect(isBounded(/^\d*$/)).toBe(true);
});

test('the expressions of the sources are found, in whatever form they are written', () => {
  const found = all.map(({ regex }) => regex.source);
  expect(found).toContain('^[+-]?(\\d+(\\.\\d*)?|\\.\\d+)(e[+-]?\\d+)?$');
  expect(
    found.find((source) => source.startsWith('^([\\w-]{1,64})\\.') && source.includes('~d(-?[0-9.]')),
  ).toBeDefined();
  expect(found.length).toBeGreaterThan(30);
});

/** Texts that would be tried in many ways, if there were many: parts of what the expression takes, over and over. */
function* attacks(regex: RegExp): Generator<string> {
  const own = regex.source.match(/[A-Za-z0-9]+|[^\\A-Za-z0-9]/g) ?? [];
  const parts = new Set([...own, '0', 'a', 'A', ' ', '.', '-', '1.', '.1', 'e1', 'a=', '://', '\ud800', '\0', '😀']);
  for (const part of parts) {
    for (const start of ['', '1', 'a://', 'Bearer ', '2026-01-01T00:00:00', '"#/components/schemas/']) {
      yield `${start}${part.repeat(Math.ceil(LENGTH / part.length))}\n!`;
    }
  }
}
/** Tried in quadratic time, as many characters would take half a minute. */
const LENGTH = 100_000;

test.each(all)('$where takes no more time than a text is long: $regex', ({ regex }) => {
  expect(isBounded(regex)).toBe(true);
  // The engine's own way of trying, which the judge does not know.
  const since = performance.now();
  for (const text of attacks(regex)) text.replace(regex, '');
  expect(performance.now() - since).toBeLessThan(5_000);
});

test('what is taken apart by hand takes no more time than it is long', () => {
  const since = performance.now();
  for (const part of [',', ';', ' ', 'a/b,', 'a/b;q=1,', '*/*;q=0.1;q=0.2,', ';q=']) {
    preferred(part.repeat(LENGTH / part.length), ['application/json', 'application/geo+json']);
    timestampSchema.safeParse(`2026-01-01T00:00:00.${part.repeat(LENGTH)}Z`);
  }
  timestampSchema.safeParse(`2026-01-01T00:00:00.${'0'.repeat(1_000_000)}Z`);
  timestampSchema.safeParse(`2026-01-01T00:00:00.${'0'.repeat(1_000_000)}`);
  expect(performance.now() - since).toBeLessThan(2_000);
});
