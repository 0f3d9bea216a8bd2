import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SCENES } from '../../docs/pictures/scenes.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const DOCUMENTS = ['README.md', ...readdirSync(resolve(ROOT, 'docs')).map((name) => `docs/${name}`)].filter((name) =>
  name.endsWith('.md'),
);

/** The pictures that a document shows, in Markdown or HTML, by their paths. */
function shownIn(document: string): string[] {
  const text = readFileSync(resolve(ROOT, document), 'utf8');
  const sources = text.matchAll(/!\[[^\]]*\]\(([^)\s]+)\)|\bsrc(?:set)?="([^"]+)"/g);
  return [...sources].map(([, markdown, html]) => resolve(ROOT, dirname(document), markdown ?? html));
}

/** Width and height, as the file itself has them: of a PNG in its IHDR, of a GIF in its logical screen. */
function sizeOf(file: Buffer): [width: number, height: number] {
  if (file.subarray(0, 8).toString('latin1') === '\x89PNG\r\n\x1a\n')
    return [file.readUInt32BE(16), file.readUInt32BE(20)];
  if (file.subarray(0, 6).toString('latin1') === 'GIF89a') return [file.readUInt16LE(6), file.readUInt16LE(8)];
  throw new Error('neither a PNG nor a GIF');
}

describe('the pictures of the documentation', () => {
  const shown = DOCUMENTS.flatMap((document) => shownIn(document).map((path) => ({ document, path })));

  test('are there where a document shows them', () => {
    expect(shown.length).toBeGreaterThan(10);
    expect(shown.filter(({ path }) => !existsSync(path))).toEqual([]);
  });

  test.each(SCENES.flatMap(({ files, size }) => files.map((file) => ({ file, size }))))(
    '$file is shown, has the size that it is taken with, and is no burden',
    ({ file, size }) => {
      const path = resolve(ROOT, 'docs/pictures', file);
      expect(shown.map((picture) => picture.path)).toContain(path);
      const content = readFileSync(path);
      expect(sizeOf(content)).toEqual(size);
      expect(content.length).toBeLessThan(file.endsWith('.gif') ? 2_000_000 : 350_000);
    },
  );

  test('are taken by a script that tells how', () => {
    const script = resolve(ROOT, 'docs/pictures/make.ts');
    const help = execFileSync(process.execPath, [script, '--help'], { encoding: 'utf8' });
    for (const { files } of SCENES) for (const file of files) expect(help).toContain(file);
    expect(help).toContain('npm run pictures');
  });
});
