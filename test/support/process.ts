import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';

/** The server as `npm start` runs it, in a process of its own. */
export class ServerProcess {
  readonly #child;
  readonly stdout: string[] = [];
  stderr = '';
  readonly ended: Promise<number | string>;
  readonly ready: Promise<string>;

  /**
   * @param whenOver what ends it, in case that nothing else did: by default the end of the test
   * @param cwd where the project is; absent: here
   */
  constructor(
    env: Record<string, string>,
    whenOver: (end: () => Promise<void>) => void = onTestFinished,
    cwd?: string,
  ) {
    this.#child = spawn(process.execPath, ['src/main.ts'], {
      cwd,
      env: { PATH: process.env.PATH, PORT: '0', LOG_LEVEL: 'warn', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stderr.on('data', (text) => {
      this.stderr += text;
    });
    this.ended = once(this.#child, 'close').then(([code, signal]) => code ?? signal);
    this.ready = new Promise((resolve, reject) => {
      this.#child.stdout.on('data', (text: Buffer) => {
        this.stdout.push(...text.toString().trimEnd().split('\n'));
        const url = /^Nearcast is ready at (http:\S+)$/.exec(this.stdout.at(-1) ?? '')?.[1];
        if (url !== undefined) resolve(url);
      });
      void this.ended.then((code) => reject(new Error(`ended with ${code}: ${this.stderr}`)));
    });
    this.ready.catch(() => {});
    whenOver(async () => {
      this.#child.kill('SIGKILL');
      await this.ended;
    });
  }

  kill(signal: NodeJS.Signals): Promise<number | string> {
    this.#child.kill(signal);
    return this.ended;
  }
}
