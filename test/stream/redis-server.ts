import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A private redis-server that keeps everything it has answered. Until there is one for all tests. */
export async function startRedis(...settings: string[]) {
  const dir = mkdtempSync(join(tmpdir(), 'nearcast-redis-'));
  const free = createServer().listen(0, '127.0.0.1');
  await once(free, 'listening');
  const { port } = free.address() as AddressInfo;
  free.close();
  await once(free, 'close');
  const run = async () => {
    const server = spawn(
      'redis-server',
      ['--port', `${port}`, '--dir', dir, '--save', '', '--appendonly', 'yes', '--appendfsync', 'always', ...settings],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    await new Promise<void>((resolve) => {
      server.stdout.on('data', (text) => {
        if (`${text}`.includes('eady to accept connections')) resolve();
      });
    });
    return server;
  };
  let server = await run();
  const crash = async () => {
    server.kill('SIGKILL');
    await once(server, 'exit');
  };
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    crash,
    restart: async () => {
      server = await run();
    },
    freeze: () => server.kill('SIGSTOP'),
    thaw: () => server.kill('SIGCONT'),
    stop: async () => {
      await crash();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
