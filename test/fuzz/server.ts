import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { SECRET, tokenOf } from './tokens.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const READY = /^Nearcast is ready at http:\/\/\S+:(\d+)$/;
/** Milliseconds for an orderly end. */
const GRACE = 15_000;

/** Off, so that cases reach what is behind them. */
const WITHOUT_LIMITS = {
  MAX_HANDSHAKES_PER_MINUTE: '0',
  MAX_MESSAGES_PER_SECOND: '0',
  MAX_BYTES_PER_SECOND: '0',
  RATE_LIMIT: 'off',
};
/** So low that a fuzz meets every one of them. */
const WITH_LIMITS = {
  MAX_CONNECTIONS_PER_SUBJECT: '12',
  MAX_SUBSCRIPTIONS_PER_SUBJECT: '40',
  MAX_HANDSHAKES_PER_MINUTE: '3000',
  MAX_MESSAGES_PER_SECOND: '400',
  MAX_SHARES_PER_SUBJECT: '20',
  RATE_LIMIT: '6000',
  PERMESSAGE_DEFLATE: 'on',
};

/** A server in a process of its own. */
export class FuzzedServer {
  readonly port: number;
  readonly ended: Promise<number | string>;
  /** Lines of the log that tell of a failure of the server's own, and whatever a crash wrote. */
  readonly complaints: string[];
  readonly #child: ChildProcess;

  /** Starts one. @param database its DATABASE_URL or DATA_DIR */
  static async start(database: Readonly<Record<string, string>>, limits: boolean): Promise<FuzzedServer> {
    const { PATH, TMPDIR } = process.env;
    const child = spawn(process.execPath, [MAIN], {
      env: {
        PATH,
        TMPDIR,
        PORT: '0',
        JWT_SECRET: SECRET,
        LOG_LEVEL: 'warn',
        // However busy the machine is, nobody is sent away.
        MAX_LAG_MILLISECONDS: '0',
        // What is left behind by some cases is to be gone, and not to be what takes the memory.
        DRIVER_TTL_SECONDS: '20',
        MAX_SUBSCRIPTIONS: '20',
        ...(limits ? WITH_LIMITS : WITHOUT_LIMITS),
        ...database,
      },
      // The channel says nothing; when it breaks, this process is gone, and the server ends too.
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const complaints: string[] = [];
    createInterface({ input: child.stderr as Readable }).on('line', (line) => {
      if (isComplaint(line)) complaints.push(line.slice(0, 2_000));
    });
    const ended = once(child, 'close').then(([code, signal]) => code ?? signal);
    const port = await new Promise<number>((resolve, reject) => {
      createInterface({ input: child.stdout as Readable }).on('line', (line) => {
        const ready = READY.exec(line)?.[1];
        if (ready !== undefined) resolve(Number(ready));
      });
      void ended.then((code) => reject(new Error(`the server ended with ${code}: ${complaints.join('\n')}`)));
    });
    return new FuzzedServer(child, port, ended, complaints);
  }

  private constructor(child: ChildProcess, port: number, ended: Promise<number | string>, complaints: string[]) {
    this.#child = child;
    this.port = port;
    this.ended = ended;
    this.complaints = complaints;
    const kill = () => child.kill('SIGKILL');
    process.once('exit', kill);
    void ended.then(() => process.off('exit', kill));
  }

  /** What it says of itself. */
  async metrics(): Promise<ReadonlyMap<string, number>> {
    const headers = { authorization: `Bearer ${tokenOf('metrics')}` };
    const answer = await fetch(`http://127.0.0.1:${this.port}/metrics`, { headers });
    if (answer.status !== 200) throw new Error(`metrics are answered ${answer.status}`);
    // A name, perhaps labels, and a number.
    const samples = (await answer.text()).matchAll(/^(\w+(?:\{.*\})?) (\S+)$/gm);
    return new Map([...samples].map(([, name, value]) => [name, Number(value)]));
  }

  /** Asks it to end, and says how it did: 0 is in order. */
  async stop(): Promise<number | string> {
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), GRACE);
    const code = await this.ended;
    clearTimeout(timer);
    return code;
  }
}

function isComplaint(line: string): boolean {
  if (!line.startsWith('{')) return line.trim() !== '';
  try {
    return JSON.parse(line).level >= 50;
  } catch {
    return true;
  }
}
