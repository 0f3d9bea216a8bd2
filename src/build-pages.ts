import { createHash } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, gzip, constants as zlib } from 'node:zlib';

const ROOT = resolve(import.meta.dirname, '..');
/** Where the pages are built, and served from. */
export const PAGES_DIR: string = join(ROOT, 'dist/web');
/** All that they are built of; npm's own record of what is installed too, which may be behind the lock. */
const SOURCES = [
  'src/web',
  'src/client',
  'src/build-pages.ts',
  'vite.config.ts',
  'package-lock.json',
  'node_modules/.package-lock.json',
];
/** Beside the pages: the hash of what they were built of. It is not served. */
const BUILT_OF = 'built-of';
/** What a build that was killed left behind is removed after so long, milliseconds: until then it may be at work. */
const ABANDONED_AFTER = 600_000;
/** Where the server puts what it has to tell the page. */
const PLACE = '<meta name="nearcast" content=""';

const HELP = `Builds the pages (src/web) into dist/web, where the server finds them, unless they are there already.

  npm run build:web
  npm run build:web -- --force    builds them in any case
  npm run build:web -- --try      as npm install, start and demo do: says nothing when nothing is to be done, or Vite is
                                  not installed (npm ci --omit=dev), and exits 0 when it fails

A server serves what was built when it started.

Exit codes:

  0    built, or there already
  1    failed
  64   a wrong argument

Examples:

  npm run build:web
  npm run build:web -- --force`;

/** What was built, in bytes; undefined when all was there already. */
export interface Built {
  readonly raw: number;
  /** Compressed by brotli, of what is. */
  readonly compressed: number;
}

/** Whether there are pages, of whatever sources. */
export function arePagesBuilt(): boolean {
  return builtOf() !== undefined;
}

/**
 * Builds the pages, if they are not built of the present sources. All at once: who looks meanwhile sees those of before.
 *
 * @param force builds them in any case
 */
export async function buildPages(force = false): Promise<Built | undefined> {
  const sources = hashOfSources();
  if (!force && builtOf() === sources) return undefined;
  const parent = dirname(PAGES_DIR);
  mkdirSync(parent, { recursive: true });
  removeAbandoned(parent);
  const partial = mkdtempSync(`${PAGES_DIR}.partial-`);
  try {
    await runVite(join(partial, 'web'));
    const built = await finish(join(partial, 'web'), sources);
    putInPlace(join(partial, 'web'), join(partial, 'before'));
    return built;
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

async function runVite(outDir: string): Promise<void> {
  const { build } = await import('vite');
  // Vite and what it runs go by it: a test's, or a developer's, would have them make other pages.
  const { NODE_ENV } = process.env;
  process.env.NODE_ENV = 'production';
  try {
    await build({ configFile: join(ROOT, 'vite.config.ts'), logLevel: 'warn', build: { outDir, emptyOutDir: true } });
  } finally {
    if (NODE_ENV === undefined) delete process.env.NODE_ENV;
    else process.env.NODE_ENV = NODE_ENV;
  }
}

/** Puts beside each asset what it is compressed, and what all was built of. */
async function finish(dir: string, sources: string): Promise<Built> {
  let raw = 0;
  let compressed = 0;
  for (const name of readdirSync(dir).filter((name) => name.endsWith('.html'))) {
    const html = readFileSync(join(dir, name), 'utf8');
    if (!html.includes(PLACE)) throw new Error(`src/web/${name} must have ${PLACE} />, for the server to fill`);
    raw += html.length;
    compressed += html.length;
  }
  const assets = readdirSync(join(dir, 'assets')).map((name) => join(dir, 'assets', name));
  const sizes = await Promise.all(assets.map(compress));
  for (const size of sizes) {
    raw += size.raw;
    compressed += size.compressed;
  }
  writeFileSync(join(dir, BUILT_OF), sources);
  return { raw, compressed };
}

/** Nothing is put beside what becomes hardly smaller, as pictures do. */
async function compress(path: string): Promise<Built> {
  const data = readFileSync(path);
  const before = compressedBefore(basename(path), data);
  if (before !== undefined) {
    writeFileSync(`${path}.br`, before.br);
    writeFileSync(`${path}.gz`, before.gz);
    return { raw: data.length, compressed: before.br.length };
  }
  const params = { [zlib.BROTLI_PARAM_SIZE_HINT]: data.length };
  const forms = await Promise.all([
    promisify(brotliCompress)(data, { params }),
    promisify(gzip)(data, { level: zlib.Z_BEST_COMPRESSION }),
  ]);
  const [br, gz] = forms.map((form) => (form.length < 0.9 * data.length ? form : undefined));
  if (br !== undefined) writeFileSync(`${path}.br`, br);
  if (gz !== undefined) writeFileSync(`${path}.gz`, gz);
  return { raw: data.length, compressed: (br ?? data).length };
}

/** What the pages of before have beside the same asset: to compress MapLibre GL takes longer than all the rest. */
function compressedBefore(name: string, data: Buffer): { br: Buffer; gz: Buffer } | undefined {
  const path = join(PAGES_DIR, 'assets', name);
  try {
    if (!readFileSync(path).equals(data)) return undefined;
    return { br: readFileSync(`${path}.br`), gz: readFileSync(`${path}.gz`) };
  } catch {
    return undefined;
  }
}

/** Puts a directory where those of before are, which are moved out of its way. In between there is none for an instant. */
function putInPlace(pages: string, before: string): void {
  // Another process may put its own there meanwhile.
  for (let i = 0; i < 10; i++) {
    try {
      renameSync(pages, PAGES_DIR);
      return;
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
    try {
      renameSync(PAGES_DIR, `${before}-${i}`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  throw new Error(`${PAGES_DIR} is put in place by others again and again`);
}

/** What the pages that are there were built of; undefined when there are none. */
function builtOf(): string | undefined {
  try {
    return readFileSync(join(PAGES_DIR, BUILT_OF), 'utf8');
  } catch {
    return undefined;
  }
}

function hashOfSources(): string {
  const hash = createHash('sha256');
  for (const source of SOURCES) {
    for (const path of filesOf(join(ROOT, source))) {
      const data = readFileSync(path);
      // With its length, so that nothing can move from one file to the next unseen.
      hash.update(`${relative(ROOT, path)}\0${data.length}\0`).update(data);
    }
  }
  return hash.digest('hex');
}

function filesOf(path: string): string[] {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return [];
  if (!found.isDirectory()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function removeAbandoned(parent: string): void {
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(`${basename(PAGES_DIR)}.partial-`)) continue;
    const path = join(parent, name);
    const { mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? { mtimeMs: Date.now() };
    if (Date.now() - mtimeMs > ABANDONED_AFTER) rmSync(path, { recursive: true, force: true });
  }
}

/** Builds when there is something to build and to build it with. */
async function tryToBuild(): Promise<void> {
  try {
    import.meta.resolve('vite');
  } catch {
    return;
  }
  try {
    const built = await buildPages();
    if (built !== undefined) console.log(`Nearcast: ${wordsFor(built)}`);
  } catch (error) {
    console.log(`Nearcast: could not build the pages: ${(error as Error).message}`);
  }
}

const wordsFor = ({ raw, compressed }: Built) =>
  `built the pages, ${kilobytes(raw)}, compressed ${kilobytes(compressed)}`;
const kilobytes = (bytes: number) => `${Math.ceil(bytes / 1000)} kB`;

/** Builds, and says so. */
async function build(force = false): Promise<number> {
  const built = await buildPages(force);
  console.log(built === undefined ? 'The pages are there already.' : `Nearcast ${wordsFor(built)}.`);
  return 0;
}

if (import.meta.main) {
  const argv = process.argv.slice(2);
  if (argv.length === 0) await build();
  else if (argv.length === 1 && argv[0] === '--try') await tryToBuild();
  else {
    // What reads arguments takes longer to load than to see that nothing is to be done.
    const { readArguments, runCommand } = await import('./command-line.ts');
    await runCommand(HELP, argv, async () => {
      const { flags } = readArguments(argv, { flags: ['force', 'try'] });
      return build(flags.has('force'));
    });
  }
}
