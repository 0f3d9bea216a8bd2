import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { MAX_LINE, readLines } from '../../src/sim/lines.ts';

async function lines(content: string): Promise<{ number: number; text: string | undefined; end: number }[]> {
  const directory = await mkdtemp(join(tmpdir(), 'nearcast-lines-'));
  try {
    await writeFile(join(directory, 'file'), content);
    return await Array.fromAsync(readLines(join(directory, 'file')));
  } finally {
    await rm(directory, { recursive: true });
  }
}

test('the last line needs no line feed, and a final line feed makes no line', async () => {
  expect(await lines('a\nb')).toEqual([
    { number: 1, text: 'a', end: 2 },
    { number: 2, text: 'b', end: 3 },
  ]);
  expect((await lines('a\n\n')).map((line) => line.text)).toEqual(['a', '']);
  expect(await lines('')).toEqual([]);
});

test('characters and lines that cross a chunk stay whole', async () => {
  const long = 'é'.repeat(100_000);
  const read = await lines(`x\n${long}\n${long}`);
  expect(read.map((line) => line.text)).toEqual(['x', long, long]);
  expect(read.at(-1)?.end).toBe(2 + 200_001 + 200_000);
});

test('a line that is too long is told of, not kept', async () => {
  const read = await lines(`a\n${'x'.repeat(3 * MAX_LINE)}\nb\n`);
  expect(read.map((line) => line.text)).toEqual(['a', undefined, 'b']);
});
