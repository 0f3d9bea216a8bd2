import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { RestServerOptions, RestServerRequest } from './rest-server.ts';

const SERVER = fileURLToPath(new URL('rest-server.ts', import.meta.url));

/**
 * Keeps a process, with all its threads, to one processor: the load to the first, a server to the last. Some virtual
 * machines put what is not busy all the time on one processor together, and then each is in the other's way.
 *
 * @throws {Error} where there is no taskset
 */
export function pin(pid: number, processor: 'first' | 'last'): void {
  const number = processor === 'first' ? 0 : cpus().length - 1;
  execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', String(number), String(pid)], { stdio: 'ignore' });
}

/** A server in a process of its own; it ends with this one. */
export class RestServer {
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(port: number, child: ChildProcess) {
    this.port = port;
    this.#child = child;
  }

  static async start(options: RestServerOptions): Promise<RestServer> {
    const child = fork(SERVER, [JSON.stringify(options)]);
    return new RestServer((await RestServer.#message(child)).port as number, child);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async request(request: RestServerRequest): Promise<void> {
    this.#child.send(request);
    await RestServer.#message(this.#child);
  }

  stop(): void {
    this.#child.kill();
  }

  static async #message(child: ChildProcess): Promise<{ readonly port?: number }> {
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`a server ended with ${code}`);
    });
    const [message] = await Promise.race([once(child, 'message'), ended]);
    return message;
  }
}
