import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished } from 'vitest';
import { VERSION } from '../../src/version.ts';
import { startServer, token } from '../support/server.ts';
import { slowTest } from '../support/slow.ts';
import { place } from './support.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');

/** What an application might write, with the package by the name that it has there. */
const application = (name: string) => `
import { type Changes, Nearcast, NearcastError, type Position } from '${name}';

declare const process: { argv: string[] };
const nearcast = new Nearcast({ url: process.argv[2], token: () => process.argv[3] });
const answer = await nearcast.nearby({ latitude: 30, longitude: -97, radius: 1000 });
const watch = nearcast.watch({ latitude: 30, longitude: -97, radius: 1000 }, { from: answer });
watch.on('error', (error: NearcastError) => console.error(error.code));
for await (const changes of watch) {
  const entered: readonly Position[] = (changes satisfies Changes).enter;
  console.log(entered.map(({ driverId }) => driverId).join());
  break;
}
const track = nearcast.track({ driverId: 'b' });
track.on('verdict', ({ verdict }) => console.log(verdict));
track.send({ latitude: 1, longitude: 2 });
await track.flush();
await nearcast.close();
`;

/** What `npm pack` makes of a package in this repository, in a directory of its own. */
interface Packed {
  readonly directory: string;
  readonly tarball: string;
}

async function packed(packageDirectory: string): Promise<Packed> {
  const directory = await mkdtemp(join(tmpdir(), 'nearcast-package-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  await run('npm', ['pack', '--silent', '--offline', '--pack-destination', directory, packageDirectory], { cwd: ROOT });
  const [name] = await readdir(directory);
  await writeFile(join(directory, 'package.json'), '{"type":"module"}');
  return { directory, tarball: join(directory, name) };
}

/** Writes the application, has the compiler judge it, and runs it against a server. */
async function judge(directory: string, name: string): Promise<void> {
  await writeFile(join(directory, 'application.ts'), application(name));
  const judged = [
    ['nodenext', ['es2022', 'dom', 'esnext.disposable']],
    ['preserve', ['esnext', 'dom', 'dom.iterable']],
  ].map(async ([module, lib]) => {
    const options = { module, lib, types: [], target: 'es2022', strict: true, noEmit: true, skipLibCheck: false };
    const file = join(directory, `tsconfig.${module}.json`);
    await writeFile(file, JSON.stringify({ compilerOptions: options, files: ['application.ts'] }));
    return run('tsc', ['-p', file]).catch((error) => error);
  });
  for (const { stdout } of await Promise.all(judged)) expect(stdout).toBe('');

  const server = await startServer();
  place(server, 'a', 30, -97);
  const { stdout, stderr } = await run('node', ['application.ts', `http://127.0.0.1:${server.port}`, token()], {
    cwd: directory,
  });
  expect(stdout).toBe('a\naccepted\n');
  expect(stderr).toBe('');
}

/** As part of the server's package. */
async function judgeBesideServer({ directory, tarball }: Packed): Promise<void> {
  const installed = join(directory, 'node_modules/nearcast');
  await mkdir(installed, { recursive: true });
  await run('tar', ['-xzf', tarball, '-C', installed, '--strip-components', '1']);
  const files = await readdir(installed);
  expect(files.sort()).toEqual(['LICENSE', 'README.md', 'dist', 'package.json']);
  await judge(directory, 'nearcast/client');
}

/** As a package of its own, whose installation brings nothing else. */
async function judgeAlone({ directory, tarball }: Packed): Promise<void> {
  await run('npm', ['install', '--silent', '--offline', '--no-audit', '--no-fund', tarball], { cwd: directory });
  const modules = await readdir(join(directory, 'node_modules'));
  expect(modules.filter((name) => !name.startsWith('.'))).toEqual(['@nearcast']);
  const installed = join(directory, 'node_modules/@nearcast/client');
  const manifest = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'));
  expect(manifest).toMatchObject({ name: '@nearcast/client', version: VERSION, license: 'MIT', sideEffects: false });
  expect(Object.keys(manifest).filter((key) => /dependencies/i.test(key))).toEqual([]);
  const files = await readdir(installed);
  const others = files.filter((name) => !/\.(js|d\.ts)$/.test(name));
  expect(others.sort()).toEqual(['LICENSE', 'README.md', 'package.json']);
  const readme = await readFile(join(installed, 'README.md'), 'utf8');
  expect(readme).toContain("from '@nearcast/client'");
  expect(readme).not.toMatch(/\]\((?!https:)/);
  await judge(directory, '@nearcast/client');
}

slowTest(
  'packed and installed, alone or with the server, it runs in Node without anything else, and its types hold in Node and in a browser',
  async () => {
    // This builds what the other is packed of.
    const whole = await packed('.');
    const client = await packed('./dist/client');
    await Promise.all([judgeBesideServer(whole), judgeAlone(client)]);
  },
);
