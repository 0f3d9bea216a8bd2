import { rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { mintToken } from '../src/auth/tokens.ts';
import { type ServerProcess, startServer } from '../src/sim/server-process.ts';
import { sum } from './fanout-crowd.ts';
import { total } from './metrics-text.ts';
import { usageOf } from './process-usage.ts';
import type { Profiled } from './profiles.ts';
import { LIMITS } from './servers/limits.ts';

/** What makes instances one. */
export interface ClusterSettings {
  /** How many. */
  readonly size: number;
  readonly secret: string;
  readonly databaseUrl: string;
  /** Absent: an instance that is alone. */
  readonly bus?: { readonly url: string; readonly prefix: string };
  /** The first instance can be profiled. */
  readonly profile: boolean;
}

/** What instances have used and told each other since their start, of all of them together. */
export interface ClusterUsage {
  /** Seconds of processor time. */
  readonly cpu: number;
  /** Bytes. */
  readonly rss: number;
  readonly bus: Readonly<Record<'messagesOut' | 'messagesIn' | 'bytesOut' | 'bytesIn' | 'missed' | 'reads', number>>;
}

const DAY = 86_400;
/** Milliseconds until instances must hear each other. */
const PATIENCE = 10_000;
const LOOK = 50;
const PROFILED = fileURLToPath(new URL('servers/profiled.ts', import.meta.url));

/** Instances over one database, and where there is a bus, one cluster; each is the server as `npm start` runs it. */
export class Cluster {
  readonly ports: readonly number[];
  readonly #servers: readonly ServerProcess[];
  readonly #settings: ClusterSettings;

  private constructor(settings: ClusterSettings, servers: readonly ServerProcess[], ports: readonly number[]) {
    this.#settings = settings;
    this.#servers = servers;
    this.ports = ports;
  }

  /** Resolves when all instances serve, and hear each other. @param atEnd gets what must be called in the end, even when this fails */
  static async start(settings: ClusterSettings, atEnd: (() => unknown)[]): Promise<Cluster> {
    const { size, secret, databaseUrl, bus, profile } = settings;
    const { PATH, TMPDIR } = process.env;
    const servers: ServerProcess[] = [];
    for (let n = 0; n < size; n++) {
      const env = {
        PATH,
        TMPDIR,
        ...LIMITS,
        PORT: '0',
        LOG_LEVEL: 'error',
        JWT_SECRET: secret,
        DATABASE_URL: databaseUrl,
        REDIS_URL: bus?.url,
        REDIS_PREFIX: bus?.prefix,
        // While others have their turn nobody goes stale, and nobody is sent away.
        DRIVER_TTL_SECONDS: String(DAY),
        MAX_LAG_MILLISECONDS: '0',
        PROFILE: placeOfProfile(databaseUrl, n),
      };
      const server = startServer(env, () => undefined, profile ? PROFILED : undefined);
      atEnd.push(() => server.stop());
      servers.push(server);
      // The first makes the tables; the others can start together.
      if (n === 0) await server.ready;
    }
    const urls = await Promise.all(servers.map(({ ready }) => ready));
    const ports = urls.map((url) => Number(new URL(url).port));
    const cluster = new Cluster(settings, servers, ports);
    if (bus !== undefined) await cluster.#isOne();
    return cluster;
  }

  async usage(): Promise<ClusterUsage> {
    const texts = this.#settings.bus === undefined ? [] : await Promise.all(this.ports.map((port) => this.#ask(port)));
    const all = (name: string, label?: string) => sum(texts.map((text) => total(text, name, label) ?? Number.NaN));
    const told = (name: string, direction: string) => all(name, `direction="${direction}"`);
    const used = this.#servers.map(({ pid }) => usageOf(pid) ?? { cpuSeconds: Number.NaN, rss: Number.NaN });
    return {
      cpu: sum(used.map(({ cpuSeconds }) => cpuSeconds)),
      rss: sum(used.map(({ rss }) => rss)),
      bus: {
        messagesOut: told(MESSAGES, 'out'),
        messagesIn: told(MESSAGES, 'in'),
        bytesOut: told(BYTES, 'out'),
        bytesIn: told(BYTES, 'in'),
        missed: all(GAPS) + all(UNREADABLE),
        reads: all(LOADS),
      },
    };
  }

  /** The first instance, to be profiled under a load. */
  profiled(run: Profiled['run']): Profiled {
    const [{ pid }] = this.#servers;
    const ask: Profiled['ask'] = async (request) => {
      process.kill(pid, 'SIGUSR2');
      if (request.do === 'profile') return;
      const until = performance.now() + PATIENCE;
      for (;;) {
        try {
          return await rename(placeOfProfile(this.#settings.databaseUrl, 0), request.file);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || performance.now() > until) throw error;
        }
        await delay(LOOK);
      }
    };
    return { ask, run };
  }

  /** @throws {Error} when they do not hear each other */
  async #isOne(): Promise<void> {
    const until = performance.now() + PATIENCE;
    for (const port of this.ports) {
      for (;;) {
        const isUp = total(await this.#ask(port), UP);
        if (isUp === 1) break;
        if (isUp === undefined) {
          throw new Error(`REDIS_URL is set, but an instance says nothing of ${UP}: it shares nothing with the others`);
        }
        if (performance.now() > until) throw new Error(`an instance does not reach the bus: ${UP} is ${isUp}`);
        await delay(LOOK);
      }
    }
  }

  async #ask(port: number): Promise<string> {
    const token = mintToken(this.#settings.secret, { sub: 'meter', scope: 'metrics:read', ttlSeconds: DAY });
    const answer = await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { authorization: `Bearer ${token}` } });
    if (!answer.ok) throw new Error(`/metrics answered ${answer.status}`);
    return answer.text();
  }
}

const UP = 'nearcast_bus_up';
const MESSAGES = 'nearcast_bus_messages_total';
const BYTES = 'nearcast_bus_bytes_total';
const GAPS = 'nearcast_lease_gaps_total';
const UNREADABLE = 'nearcast_bus_unreadable_total';
const LOADS = 'nearcast_lease_loads_total';

function placeOfProfile(databaseUrl: string, n: number): string {
  const name = new URL(databaseUrl.replace('@/', '@socket/')).pathname.slice(1);
  return join(tmpdir(), `nearcast-profile-${process.pid}-${name}-${n}.cpuprofile`);
}
