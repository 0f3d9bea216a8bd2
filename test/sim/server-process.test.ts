import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ServerEnded, type ServerProcess, startServer } from '../../src/sim/server-process.ts';

let directory: string;
let server: ServerProcess | undefined;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'nearcast-server-'));
});

afterEach(async () => {
  await server?.stop();
  await rm(directory, { recursive: true });
});

/** Starts a stand-in for the server, which runs `source`. */
async function start(source: string, env: NodeJS.ProcessEnv = {}): Promise<{ server: ServerProcess; lines: string[] }> {
  const main = join(directory, 'main.mjs');
  await writeFile(main, source);
  const lines: string[] = [];
  server = startServer({ ...process.env, ...env }, (line) => lines.push(line), main);
  return { server, lines };
}

const READY = `console.log('hello', process.env.GREETING ?? 'nobody'); console.log('Nearcast is ready at http://0.0.0.0:8123');`;
const RUNS_UNTIL_TOLD = `setInterval(() => {}, 1e6); process.on('SIGTERM', () => process.exit(0));`;

describe('a server process', () => {
  test('is ready when it says so, at an address that can be connected to, and its output comes through once', async () => {
    const { server, lines } = await start(RUNS_UNTIL_TOLD + READY, { GREETING: 'you', NOTHING: undefined });
    expect(await server.ready).toBe('http://127.0.0.1:8123');
    expect(lines).toEqual(['hello you', 'Nearcast is ready at http://0.0.0.0:8123']);
    expect(await server.stop()).toBe(0);
  });

  test('that ends before it is ready rejects with its exit code', async () => {
    const { server } = await start('process.exit(78)');
    await expect(server.ready).rejects.toThrow(new ServerEnded(78));
    expect(await server.ended).toBe(78);
  });

  test('that ends by itself later tells its exit code', async () => {
    const { server } = await start(`${READY} process.exitCode = 3;`);
    await server.ready;
    expect(await server.ended).toBe(3);
  });

  test('ends when the process that started it is killed', async () => {
    const [main, gone] = [join(directory, 'main.mjs'), join(directory, 'gone')];
    const told = `process.on('disconnect', () => { fs.writeFileSync(${JSON.stringify(gone)}, ''); process.exit(0); });`;
    await writeFile(main, `import fs from 'node:fs'; ${RUNS_UNTIL_TOLD} ${told} ${READY}`);
    const module = JSON.stringify(join(import.meta.dirname, '../../src/sim/server-process.ts'));
    const starter = join(directory, 'starter.mjs');
    await writeFile(
      starter,
      `import { startServer } from ${module};
       const server = startServer({}, () => {}, ${JSON.stringify(main)});
       await server.ready;
       console.log('ready');`,
    );
    const parent = spawn(process.execPath, [starter], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(parent.stdout, 'data');
    parent.kill('SIGKILL');
    await vi.waitUntil(() => existsSync(gone), { timeout: 20_000 });
  });

  test('leaves no process behind when stopped', async () => {
    const { server } = await start(RUNS_UNTIL_TOLD + READY);
    await server.ready;
    await server.stop();
    expect(() => process.kill(server.pid, 0)).toThrow('ESRCH');
  });
});
