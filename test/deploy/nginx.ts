import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { onTestFinished } from 'vitest';

/** The configuration that is shipped. */
export const NGINX_CONF = readFileSync('deploy/nginx/nearcast.conf', 'utf8');

/** Where the machine has an nginx, or nothing. */
export function findNginx(): string | undefined {
  const dirs = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin'];
  return dirs.map((dir) => join(dir, 'nginx')).find((path) => existsSync(path));
}

/** A line of the access log. */
export interface Access {
  readonly client: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly upstream: string;
  readonly upstreamStatus: string;
}

/** A private nginx on 127.0.0.1 with the configuration that is shipped; ended when the test is. */
export class TestNginx {
  readonly port: number;
  readonly #dir: string;
  readonly #process: ChildProcess;

  constructor(port: number, dir: string, child: ChildProcess) {
    this.port = port;
    this.#dir = dir;
    this.#process = child;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get ws(): string {
    return `ws://127.0.0.1:${this.port}/ws`;
  }

  /** What was logged of requests that are over. */
  get accesses(): Access[] {
    return this.#read('access')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  }

  /** All that it wrote anywhere. */
  get logs(): string {
    return this.#read('access') + this.errors;
  }

  get errors(): string {
    return this.#read('error');
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const gone = once(this.#process, 'exit');
      this.#process.kill('SIGTERM');
      await gone;
    }
    rmSync(this.#dir, { recursive: true, force: true });
  }

  #read(log: string): string {
    return readFileSync(join(this.#dir, log), 'utf8');
  }
}

/**
 * Starts nginx with the file that is shipped, of which nothing is changed but addresses: those of the two instances, that on
 * which it listens, and the directory of what it writes.
 *
 * @param bin that was found
 * @param instances the ports of the two
 */
export async function startNginx(bin: string, instances: readonly [number, number]): Promise<TestNginx> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const dir = mkdtempSync(join(tmpdir(), 'nearcast-nginx-'));
    // Its workers are another user's where the test is root's.
    chmodSync(dir, 0o755);
    let conf = NGINX_CONF;
    const swap = (what: RegExp, by: string, times: number) => {
      const found = [...conf.matchAll(what)].length;
      if (found !== times) throw new Error(`${what} is ${found} times in the configuration, not ${times}`);
      conf = conf.replace(what, by);
    };
    for (const [i, instance] of instances.entries()) {
      swap(new RegExp(`(?<=^ *server )api-${i + 1}:8080(?= )`, 'gm'), `127.0.0.1:${instance}`, 3);
    }
    swap(/(?<=^ *listen )8080(?= )/gm, `127.0.0.1:${port}`, 1);
    swap(/(?<=^ *access_log )\/dev\/stdout(?= )/gm, join(dir, 'access'), 1);
    swap(/(?<=^ *error_log )\/dev\/stderr(?= )/gm, join(dir, 'error'), 2);
    swap(/(?<= )\/tmp\/(?=[a-z.]+;$)/gm, `${dir}/`, 6);
    writeFileSync(join(dir, 'nginx.conf'), conf);
    const stderr = openSync(join(dir, 'stderr'), 'a');
    const child = spawn(bin, ['-e', join(dir, 'error'), '-p', dir, '-c', 'nginx.conf', '-g', 'daemon off;'], {
      stdio: ['ignore', 'ignore', stderr],
    });
    const nginx = new TestNginx(port, dir, child);
    if (await listens(port, child)) {
      onTestFinished(() => nginx.stop());
      return nginx;
    }
    const said = readFileSync(join(dir, 'stderr'), 'utf8');
    await nginx.stop();
    // Another process may take a port between its being found and its being used.
    if (attempt === 5 || !said.includes('Address already in use')) throw new Error(`nginx did not start: ${said}`);
  }
}

/** Whether it listens, at last; false when it has ended instead. */
async function listens(port: number, child: ChildProcess): Promise<boolean> {
  const deadline = performance.now() + 10_000;
  while (child.exitCode === null && performance.now() < deadline) {
    const socket = connect(port, '127.0.0.1');
    const isOpen = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'close').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (isOpen) return true;
    await setTimeout(10);
  }
  return false;
}

/** A port that is free just now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await once(server.close(), 'close');
  return port;
}
