import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { startServer, token } from '../support/server.ts';
import { place } from './support.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');

/** What an application might write. */
const APPLICATION = `
import { type Changes, Nearcast, NearcastError, type Position } from 'nearcast/client';

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

test('packed and installed, it runs in Node without anything else, and its types hold in Node and in a browser', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'nearcast-package-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  await run('npm', ['pack', '--silent', '--offline', '--pack-destination', directory], { cwd: ROOT });
  const [tarball] = await readdir(directory);
  const installed = join(directory, 'node_modules/nearcast');
  await mkdir(installed, { recursive: true });
  await run('tar', ['-xzf', join(directory, tarball), '-C', installed, '--strip-components', '1']);
  const files = await readdir(installed);
  expect(files.sort()).toEqual(['LICENSE', 'README.md', 'dist', 'package.json']);

  await writeFile(join(directory, 'package.json'), '{"type":"module"}');
  await writeFile(join(directory, 'application.ts'), `declare const process: { argv: string[] };${APPLICATION}`);
  for (const [module, lib] of [
    ['nodenext', ['es2022', 'dom', 'esnext.disposable']],
    ['preserve', ['esnext', 'dom', 'dom.iterable']],
  ] as const) {
    const compilerOptions = {
      module,
      lib,
      types: [],
      target: 'es2022',
      strict: true,
      noEmit: true,
      skipLibCheck: false,
    };
    await writeFile(join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['application.ts'] }));
    const { stdout } = await run('tsc', ['-p', directory]).catch((error) => error);
    expect(stdout).toBe('');
  }

  const server = await startServer();
  place(server, 'a', 30, -97);
  const { stdout, stderr } = await run('node', ['application.ts', `http://127.0.0.1:${server.port}`, token()], {
    cwd: directory,
  });
  expect(stdout).toBe('a\naccepted\n');
  expect(stderr).toBe('');
});
