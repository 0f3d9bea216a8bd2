import { expect, test } from 'vitest';
import { compareIds } from '../src/compare-ids.ts';
import { seeded } from './support/random.ts';

test('ids are ordered as their UTF-8 bytes are', () => {
  const random = seeded('ids');
  // Around every border between units, surrogates and lengths.
  const characters = [
    'a',
    'b',
    '\x7f',
    'é',
    '\u07ff',
    '\u0800',
    '\ud7ff',
    '\ue000',
    '\uff00',
    '\uffff',
    '\u{10000}',
    '\u{1f600}',
    '\u{10ffff}',
  ];
  const id = () => Array.from({ length: random.below(4) }, () => random.pick(characters)).join('');
  for (let i = 0; i < 20_000; i++) {
    const [a, b] = [id(), id()];
    expect(Math.sign(compareIds(a, b)), JSON.stringify([a, b])).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
  }
});
