import { expect } from 'vitest';
import type { ClientOptions } from 'ws';
import { Client, type Message } from './client.ts';
import { readMetrics } from './metrics.ts';
import { createDatabase, startPostgres, type TestPostgres } from './postgres.ts';
import { ServerProcess } from './process.ts';
import { SECRET, token } from './server.ts';

/** What instances find each other by. */
export interface SharedBus {
  /** As `REDIS_URL` is to be. */
  readonly url: string;
  stop(): Promise<void>;
}

/** How a cluster is to be. */
export interface ClusterOptions {
  /** Where PostgreSQL's programs are. */
  readonly postgres: string;
  readonly bus: SharedBus;
  readonly instances?: number;
  /** Settings of every instance. */
  readonly env?: Readonly<Record<string, string>>;
  /** The `REDIS_URL` of one instance, where it has a way of its own there. */
  readonly busOf?: (instance: number) => string | undefined;
}

/** An answer over HTTP, and its text. */
export interface Answered {
  readonly status: number;
  readonly text: string;
  readonly body: Message;
}

/** Milliseconds in which a request must be answered. */
const ANSWERED = 20_000;

/** The header of a token that may do everything in a fleet. */
export function bearer(fleet: string, claims: Parameters<typeof token>[0] = {}): { authorization: string } {
  return { authorization: `Bearer ${token({ fleet, ...claims })}` };
}

/** One server of a cluster, which can be killed and started again. */
export class Instance {
  readonly name: string;
  readonly #env: Record<string, string>;
  #process: ServerProcess;
  #url = '';
  #isUp = false;

  constructor(name: string, env: Record<string, string>) {
    this.name = name;
    this.#env = env;
    this.#process = this.#launch();
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  get url(): string {
    return this.#url;
  }

  get port(): number {
    return Number(new URL(this.#url).port);
  }

  /** What it wrote to its log. */
  get log(): string {
    return this.#process.stderr;
  }

  async ready(): Promise<void> {
    this.#url = await this.#process.ready;
    this.#isUp = true;
  }

  /** Starts it again, on another port. */
  async start(): Promise<void> {
    this.#process = this.#launch();
    await this.ready();
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<number | string> {
    this.#isUp = false;
    return this.#process.kill(signal);
  }

  /** Opens a WebSocket with a token that may do everything in a fleet. */
  connect(fleet: string, path = '/ws', options?: ClientOptions): Promise<Client> {
    return this.connectAs(bearer(fleet), path, options);
  }

  connectAs(headers: Record<string, string>, path = '/ws', options?: ClientOptions): Promise<Client> {
    return Client.open(`${this.#url.replace('http', 'ws')}${path}`, [], headers, options);
  }

  get(fleet: string, path: string, headers: Record<string, string> = {}): Promise<Answered> {
    return this.request('GET', path, { ...bearer(fleet), ...headers });
  }

  post(fleet: string, path: string, body: unknown): Promise<Answered> {
    return this.request('POST', path, bearer(fleet), body);
  }

  delete(fleet: string, path: string): Promise<Answered> {
    return this.request('DELETE', path, bearer(fleet));
  }

  async request(method: string, path: string, headers: Record<string, string>, body?: unknown): Promise<Answered> {
    const answer = await fetch(this.#url + path, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(ANSWERED),
    });
    const text = await answer.text();
    const isJson = answer.headers.get('content-type')?.includes('json') ?? false;
    return { status: answer.status, text, body: isJson ? JSON.parse(text) : undefined };
  }

  /** Sends fixes by HTTP; all must be accepted. */
  async send(fleet: string, ...positions: object[]): Promise<void> {
    const { status, body } = await this.post(fleet, '/v1/positions', { positions });
    expect({ status, body }).toEqual({
      status: 200,
      body: { results: positions.map(() => ({ verdict: 'accepted' })) },
    });
  }

  /** The sum of a metric over the labels that are not given; 0 where there is none. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const { text } = await this.request('GET', '/metrics', bearer('default', { scope: 'metrics:read' }));
    let sum = 0;
    for (const [key, value] of readMetrics(text).values) {
      if (key.split('{', 1)[0] !== name) continue;
      const given = key.slice(name.length + 1, -1).split(',');
      if (Object.entries(labels).every((pair) => given.includes(pair.join('=')))) sum += value;
    }
    return sum;
  }

  #launch(): ServerProcess {
    // The cluster ends what it started.
    return new ServerProcess(this.#env, () => {});
  }
}

/** Real servers on one real PostgreSQL and one real bus. */
export class Cluster {
  readonly postgres: TestPostgres;
  readonly bus: SharedBus;
  readonly instances: readonly Instance[];
  readonly #killAll = () => {
    for (const instance of this.instances) void instance.kill();
  };

  /** Starts everything, the instances at the same time. */
  static async start({ postgres: bin, bus, instances = 3, env = {}, busOf }: ClusterOptions): Promise<Cluster> {
    const postgres = await startPostgres(bin);
    const cluster = new Cluster(
      postgres,
      bus,
      await createDatabase(postgres, 'cluster'),
      Array.from({ length: instances }, (_, n) => ({
        REDIS_URL: busOf?.(n) ?? bus.url,
        JWT_SECRET: SECRET,
        // However busy the machine is, nobody is sent away.
        MAX_LAG_MILLISECONDS: '0',
        ...env,
      })),
    );
    try {
      await Promise.all(cluster.instances.map((instance) => instance.ready()));
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  private constructor(postgres: TestPostgres, bus: SharedBus, url: string, envs: readonly Record<string, string>[]) {
    this.postgres = postgres;
    this.bus = bus;
    this.instances = envs.map((env, n) => new Instance('ABCDEFGH'[n], { DATABASE_URL: url, ...env }));
    process.once('exit', this.#killAll);
  }

  /** The instances that serve. */
  get up(): readonly Instance[] {
    return this.instances.filter(({ isUp }) => isUp);
  }

  /** What the instances logged, for whoever looks for the reason of a failure. */
  get logs(): string {
    return this.instances.map(({ name, log }) => log.replace(/^(?=.)/gm, `${name}: `)).join('');
  }

  async stop(): Promise<void> {
    process.off('exit', this.#killAll);
    await Promise.all(this.instances.map((instance) => instance.kill()));
    await Promise.all([this.postgres.stop(), this.bus.stop()]);
  }
}
