import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { usageOf } from './process-usage.ts';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

/** How a start went. */
export interface Start {
  /** Milliseconds from the start of the process until it is ready, and of them those of restoring, as its log says. */
  readonly ready: number;
  readonly restore: number;
  readonly drivers: number;
  /** Bytes of the process once it is ready. */
  readonly rss: number;
}

/** Starts the server as `npm start` does, and ends it when it is ready. */
export async function timeStart(env: Readonly<Record<string, string>>): Promise<Start> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, [MAIN], {
    env: { PATH: process.env.PATH, PORT: '0', JWT_SECRET: 'a secret of this bench and of nothing else', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const gone = once(child, 'close');
  try {
    let log = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
    let said = '';
    await new Promise<void>((resolve, reject) => {
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        if (said.includes('Nearcast is ready at')) resolve();
      });
      child.once('error', reject);
      gone.then(([code, signal]) => reject(new Error(`the server ended with ${code ?? signal}: ${log}`)), reject);
    });
    const ready = performance.now() - startedAt;
    const rss = usageOf(child.pid as number)?.rss ?? Number.NaN;
    const [, drivers, seconds] = /(\d+) drivers restored in ([\d.]+) s/.exec(log) ?? [];
    return { ready, rss, restore: 1000 * Number(seconds), drivers: Number(drivers) };
  } finally {
    child.kill('SIGTERM');
    await gone.catch(() => undefined);
  }
}
