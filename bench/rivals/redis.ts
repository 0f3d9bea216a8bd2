import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createClient, GEO_REPLY_WITH } from '@redis/client';
import type { Places } from '../places.ts';
import { usageOf } from '../process-usage.ts';
import type { Job } from '../rounds.ts';
import type { Walk } from '../walk.ts';
import { type Contestant, type Found, HAVERSINE } from './contestant.ts';

const KEY = 'drivers';
const CONNECTIONS = 4;
/** Queries under way on a connection. */
const PIPELINED = 16;
/** Members of a GEOADD, and commands under way on a connection. */
const BATCH = 100;
const BATCHES = 8;
const READY = 'eady to accept connections';

/** The program of the machine, or nothing. */
export function findRedis(): string | undefined {
  return ['redis-server', 'valkey-server'].find((program) => {
    try {
      execFileSync(program, ['--version'], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  });
}

/** Redis with a geo set, asked as one would ask it: GEOSEARCH BYRADIUS, nearest first, with distances. */
export class RedisGeo implements Contestant {
  readonly name = 'Redis';
  /** Great circle, and places rounded to 52 bits, which is up to 0.7 m for each of two. */
  readonly tolerance = { ...HAVERSINE, metres: 1 };
  readonly #version: string;
  readonly #pid: number;
  readonly #clients: ReturnType<typeof client>[];
  readonly #stop: () => Promise<void>;
  /** Seconds that its work took, and of those the server's processor time. */
  #measured = 0;
  #busy = 0;

  private constructor(version: string, pid: number, clients: ReturnType<typeof client>[], stop: () => Promise<void>) {
    this.#version = version;
    this.#pid = pid;
    this.#clients = clients;
    this.#stop = stop;
  }

  /** Starts a server that listens on a unix socket alone and keeps nothing. */
  static async start(program: string): Promise<RedisGeo> {
    const dir = mkdtempSync(join(tmpdir(), 'nearcast-redis-'));
    const socket = join(dir, 'socket');
    const settings = { port: '0', unixsocket: socket, dir, save: '', appendonly: 'no' };
    const server = spawn(
      program,
      Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
      // In a group of its own: Ctrl-C is for the bench, which stops it.
      { stdio: ['ignore', 'pipe', 'inherit'], detached: true },
    );
    const kill = () => server.kill('SIGKILL');
    process.once('exit', kill);
    const gone = once(server, 'exit');
    const stop = async () => {
      server.kill('SIGTERM');
      await gone;
      process.off('exit', kill);
      rmSync(dir, { recursive: true, force: true });
    };
    await new Promise<void>((resolve, reject) => {
      createInterface({ input: server.stdout }).on('line', (line) => {
        if (line.includes(READY)) resolve();
      });
      gone.then(([code]) => reject(new Error(`${program} ended with ${code}`)), reject);
    });
    const clients = Array.from({ length: CONNECTIONS }, () => client(socket));
    await Promise.all(clients.map((one) => one.connect()));
    const version = /(?:redis|valkey)_version:(\S+)/.exec(await clients[0].info('server'))?.[1];
    return new RedisGeo(`${program} ${version}`, server.pid ?? 0, clients, stop);
  }

  async build({ lats, lngs }: Places): Promise<void> {
    const drivers = Int32Array.from(lats, (_, driver) => driver);
    await this.#add({ drivers, lats, lngs }, lats.length);
  }

  async nearest(latitude: number, longitude: number, radius: number, limit: number): Promise<Found> {
    return toFound(await this.#search(0, latitude, longitude, radius, limit));
  }

  queries({ lats, lngs }: Places, radius: number, limit: number): Job {
    let next = 0;
    const run = async (count: number) => {
      let left = count;
      let sum = 0;
      const ask = async (connection: number) => {
        while (left-- > 0) {
          next = (next + 1) % lats.length;
          const found = toFound(await this.#search(connection, lats[next], lngs[next], radius, limit));
          if (found.drivers.length > 0) sum += found.drivers[0] + found.distances[found.distances.length - 1];
        }
      };
      await Promise.all(Array.from({ length: CONNECTIONS * PIPELINED }, (_, i) => ask(i % CONNECTIONS)));
      return sum;
    };
    return { least: CONNECTIONS, run: (count) => this.#watched(run(count)) };
  }

  updates(walk: Walk): Job {
    return {
      least: BATCH * CONNECTIONS,
      prepare: (count) => walk.prepare(count),
      run: (count) => this.#watched(this.#add(walk, count)),
    };
  }

  async bytes(): Promise<number> {
    return (await this.#clients[0].memoryUsage(KEY, { SAMPLES: 0 })) ?? 0;
  }

  notes(): string[] {
    const share = this.#measured > 0 ? ((this.#busy / this.#measured) * 100).toFixed(0) : '–';
    return [
      `Redis is ${this.#version}, ${CONNECTIONS} connections, GEOADD of ${BATCH} members; while measured it used ${share} % of a core.`,
    ];
  }

  async close(): Promise<void> {
    for (const one of this.#clients) one.destroy();
    await this.#stop();
  }

  async #watched(work: Promise<number>): Promise<number> {
    const startedAt = performance.now();
    const before = usageOf(this.#pid)?.cpuSeconds ?? Number.NaN;
    const result = await work;
    this.#busy += (usageOf(this.#pid)?.cpuSeconds ?? Number.NaN) - before;
    this.#measured += (performance.now() - startedAt) / 1000;
    return result;
  }

  #search(connection: number, latitude: number, longitude: number, radius: number, limit: number) {
    return this.#clients[connection].geoSearchWith(
      KEY,
      { latitude, longitude },
      { radius, unit: 'm' },
      [GEO_REPLY_WITH.DISTANCE],
      { SORT: 'ASC', COUNT: limit },
    );
  }

  async #add({ drivers, lats, lngs }: Places & Pick<Walk, 'drivers'>, count: number): Promise<number> {
    let next = 0;
    const send = async (connection: number) => {
      while (next < count) {
        const members = [];
        for (const end = Math.min(next + BATCH, count); next < end; next++) {
          members.push({ member: String(drivers[next]), latitude: lats[next], longitude: lngs[next] });
        }
        await this.#clients[connection].geoAdd(KEY, members);
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS * BATCHES }, (_, i) => send(i % CONNECTIONS)));
    return count;
  }
}

function client(path: string) {
  return createClient({ socket: { path, tls: false, reconnectStrategy: false } }).on('error', () => {
    // Whoever waits for an answer hears of it.
  });
}

function toFound(members: readonly { member: unknown; distance?: unknown }[]): Found {
  return {
    drivers: members.map(({ member }) => Number(member)),
    distances: members.map(({ distance }) => Number(distance)),
  };
}
