import { execFile, execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { slowTest } from './support/slow.ts';

const PAGE = '<!doctype html><meta name="nearcast" content="" /><script type="module" src="./main.ts"></script>';
const SCRIPT = `document.title = ${JSON.stringify('a title that goes on '.repeat(50))};`;

/** A checkout with small pages, which can be changed. */
class Checkout {
  readonly #dir = mkdtempSync(join(tmpdir(), 'nearcast-build-'));

  constructor(installed = true) {
    onTestFinished(() => rmSync(this.#dir, { recursive: true, force: true }));
    for (const path of [
      'vite.config.ts',
      'tsconfig.json',
      'package.json',
      'package-lock.json',
      'src/web/tsconfig.json',
    ]) {
      cpSync(path, join(this.#dir, path));
    }
    cpSync('src', join(this.#dir, 'src'), { recursive: true, filter: (path) => !path.startsWith('src/web') });
    for (const name of ['index', 'driver', 'rider']) this.write(`src/web/${name}.html`, PAGE);
    this.write('src/web/main.ts', SCRIPT);
    if (installed) symlinkSync(resolve('node_modules'), join(this.#dir, 'node_modules'));
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.#dir, path)), { recursive: true });
    writeFileSync(join(this.#dir, path), text);
  }

  /** The files of a directory, with what is in them. */
  read(path: string): Record<string, Buffer> {
    const dir = join(this.#dir, path);
    const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    return Object.fromEntries(
      files.map(({ parentPath, name }) => [
        join(parentPath, name).slice(dir.length),
        readFileSync(join(parentPath, name)),
      ]),
    );
  }

  list(path: string): string[] {
    return readdirSync(join(this.#dir, path));
  }

  async build(
    args: string[] = [],
    env: Record<string, string> = {},
  ): Promise<{ code: number; out: string; err: string }> {
    const run = promisify(execFile)(process.execPath, ['src/build-pages.ts', ...args], {
      cwd: this.#dir,
      env: { PATH: process.env.PATH, ...env },
    });
    return run.then(
      ({ stdout, stderr }) => ({ code: 0, out: stdout, err: stderr }),
      ({ code, stdout, stderr }) => ({ code, out: stdout, err: stderr }),
    );
  }
}

const BUILT = /^Nearcast built the pages, \d+ kB, compressed \d+ kB\.\n$/;

slowTest('pages are built once, of the present sources, with what is compressed beside', async () => {
  const checkout = new Checkout();
  expect(await checkout.build()).toEqual({ code: 0, out: expect.stringMatching(BUILT), err: '' });
  const first = checkout.read('dist/web');
  const script = Object.keys(first).find((path) => /^\/assets\/.+\.js$/.test(path)) as string;
  expect(brotliDecompressSync(first[`${script}.br`]).equals(first[script])).toBe(true);
  expect(gunzipSync(first[`${script}.gz`]).equals(first[script])).toBe(true);
  expect(first['/index.html'].toString()).toContain(`.${script}"`);

  expect(await checkout.build()).toEqual({ code: 0, out: 'The pages are there already.\n', err: '' });
  expect(await checkout.build(['--try'])).toEqual({ code: 0, out: '', err: '' });
  // What a developer or a test has set makes no other pages.
  const forced = await checkout.build(['--force'], { NODE_ENV: 'development' });
  expect(forced).toEqual({ code: 0, out: expect.stringMatching(BUILT), err: '' });
  expect(checkout.read('dist/web')).toEqual(first);

  for (const path of ['src/client/index.ts', 'package-lock.json']) {
    checkout.write(path, '{}');
    expect((await checkout.build(['--try'])).out, path).toMatch(/^Nearcast: built the pages/);
  }
  checkout.write('src/sim/new.ts', '');
  expect((await checkout.build(['--try'])).out).toBe('');
});

slowTest('what fails leaves the pages of before, says why, and holds up no start', async () => {
  const checkout = new Checkout();
  await checkout.build();
  const before = checkout.read('dist/web');
  for (const [wrong, why] of [
    ['<!doctype html><script type="module" src="./none.ts"></script>', /none\.ts/],
    ['<!doctype html><p>', /src\/web\/rider\.html must have <meta name="nearcast"/],
  ] as const) {
    checkout.write('src/web/rider.html', wrong);
    const failed = await checkout.build();
    expect(failed.code).toBe(1);
    expect(failed.err).toMatch(why);
    expect(checkout.read('dist/web')).toEqual(before);
    expect(checkout.list('dist')).toEqual(['web']);
  }
  const tried = await checkout.build(['--try']);
  expect(tried).toEqual({ code: 0, out: expect.stringMatching(/^Nearcast: could not build the pages: /), err: '' });
});

slowTest('two at once are in nobody’s way', async () => {
  const checkout = new Checkout();
  const both = await Promise.all([checkout.build(['--force']), checkout.build(['--force'])]);
  for (const { code, err } of both) expect([code, err]).toEqual([0, '']);
  expect(checkout.list('dist')).toEqual(['web']);
  expect(await checkout.build(['--try'])).toEqual({ code: 0, out: '', err: '' });
});

test('without Vite nothing is built, and nothing is said', async () => {
  const checkout = new Checkout(false);
  expect(await checkout.build(['--try'])).toEqual({ code: 0, out: '', err: '' });
  expect(checkout.list('.')).not.toContain('dist');
});

test('a wrong argument is a usage error; --help says what there is', () => {
  const run = (...args: string[]) =>
    execFileSync(process.execPath, ['src/build-pages.ts', ...args], { encoding: 'utf8', stdio: 'pipe' });
  expect(run('--help')).toMatch(/--force.+--try.+Exit codes/s);
  expect(() => run('--forse')).toThrow(expect.objectContaining({ status: 64 }));
});
