import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { reachable } from '../address.ts';

/** A Nearcast server that runs as a child process. */
export interface ServerProcess {
  readonly pid: number;
  /** Resolves to where clients on this machine reach it, such as `http://127.0.0.1:8080`; rejects when it ends first. */
  readonly ready: Promise<string>;
  /** Resolves to the exit code, 128 + n for a signal, once the process is gone and its output was read. */
  readonly ended: Promise<number>;
  /** Asks it to end and resolves as {@link ended} does. It is killed when it does not end in time. */
  stop(): Promise<number>;
}

/** The server ended before it was ready. */
export class ServerEnded extends Error {
  override name = 'ServerEnded';
  readonly exitCode: number;

  constructor(exitCode: number) {
    super(`the server ended with exit code ${exitCode} before it was ready`);
    this.exitCode = exitCode;
  }
}

const READY = /^Nearcast is ready at (http:\/\/\S+)$/;
/** The server promises to end within 10 s; milliseconds. */
const GRACE = 12_000;
const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));

/**
 * Starts a server.
 *
 * @param env its whole environment; undefined values are left out
 * @param print gets each line of its standard output; its standard error is inherited
 * @param main the module to run
 */
export function startServer(env: NodeJS.ProcessEnv, print: (line: string) => void, main = MAIN): ServerProcess {
  // In a group of its own, so that Ctrl-C reaches it once, through `stop`: a second signal would cut its farewell short.
  const child = spawn(process.execPath, [main], {
    env,
    // The channel says nothing; when it breaks, this process is gone, and the server ends too.
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    detached: true,
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? 128 + (signalNumbers[signal as string] ?? 0)));
  });
  const ready = new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout as Readable }).on('line', (line) => {
      print(line);
      const url = READY.exec(line)?.[1];
      if (url !== undefined) resolve(reachable(url));
    });
    ended.then((code) => reject(new ServerEnded(code)), reject);
  });
  ready.catch(() => undefined);
  // Whatever way this process ends, its server does not outlive it.
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  void ended.finally(() => process.off('exit', kill)).catch(() => undefined);
  return { pid: child.pid ?? 0, ready, ended, stop: () => stop(child, ended) };
}

const signalNumbers: Partial<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };

async function stop(child: ChildProcess, ended: Promise<number>): Promise<number> {
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), GRACE);
  try {
    return await ended;
  } finally {
    clearTimeout(timer);
  }
}
