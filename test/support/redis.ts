import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { RedisClient } from '@redis/client';

/** Where the machine has a redis-server (or a valkey-server), or nothing. */
export function findRedis(): string | undefined {
  const dirs = (process.env.PATH ?? '').split(delimiter);
  const found = ['redis-server', 'valkey-server'].flatMap((name) => dirs.map((dir) => join(dir, name)));
  return found.find((path) => existsSync(path));
}

/** A certificate of this machine, signed by itself. */
export interface TestCertificate {
  readonly certFile: string;
  readonly keyFile: string;
  /** What a client has to trust. */
  readonly ca: string;
  remove(): void;
}

/** Makes a certificate for localhost and 127.0.0.1, by openssl; nothing where that is missing. */
export function makeCertificate(): TestCertificate | undefined {
  const dir = mkdtempSync(join(tmpdir(), 'nearcast-tls-'));
  const certFile = join(dir, 'cert.pem');
  const keyFile = join(dir, 'key.pem');
  const remove = () => rmSync(dir, { recursive: true, force: true });
  const asked = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost'.split(
    ' ',
  );
  const names = ['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  try {
    execFileSync('openssl', [...asked, ...names, '-keyout', keyFile, '-out', certFile], { stdio: 'ignore' });
  } catch {
    remove();
    return undefined;
  }
  return { certFile, keyFile, ca: readFileSync(certFile, 'utf8'), remove };
}

export interface RedisSettings {
  /** Of the user `default`; absent: whoever connects may do all. */
  readonly password?: string;
  /** A further user, as an ACL rule: `bus on >secret &nearcast* +@all`. The user `default` may then do nothing. */
  readonly user?: string;
  /** TLS alone is spoken. */
  readonly certificate?: TestCertificate;
  /** Further arguments, such as `['--client-output-buffer-limit', 'pubsub 1mb 1mb 1']`. */
  readonly args?: readonly string[];
}

/** One line of CLIENT LIST. */
export type RedisClientLine = Readonly<Record<string, string>>;

/** A private Redis server on 127.0.0.1, on a port of its own, which keeps nothing. */
export class TestRedis {
  readonly port: number;
  readonly #bin: string;
  readonly #settings: RedisSettings;
  readonly #dir = mkdtempSync(join(tmpdir(), 'nearcast-redis-'));
  #server: ChildProcess | undefined;
  #admin: ReturnType<typeof comeIn> | undefined;

  constructor(bin: string, port: number, settings: RedisSettings) {
    this.#bin = bin;
    this.port = port;
    this.#settings = settings;
  }

  /** Without credentials. */
  get url(): string {
    return this.urlAs('');
  }

  /** @param credentials such as `user:password` */
  urlAs(credentials: string): string {
    const scheme = this.#settings.certificate === undefined ? 'redis' : 'rediss';
    return `${scheme}://${credentials === '' ? '' : `${credentials}@`}127.0.0.1:${this.port}`;
  }

  /** Starts it, on the same port again after {@link crash}. */
  async start(): Promise<void> {
    const { password, user, certificate, args = [] } = this.#settings;
    const port = certificate === undefined ? ['--port', `${this.port}`] : ['--port', '0', '--tls-port', `${this.port}`];
    const server = spawn(
      this.#bin,
      [
        ...[...port, '--bind', '127.0.0.1', '--dir', this.#dir, '--save', '', '--appendonly', 'no'],
        // The tests' own way in, whatever others may do.
        ...[
          '--unixsocket',
          this.#socket,
          '--enable-debug-command',
          'yes',
          '--user',
          ...'admin on nopass ~* &* +@all'.split(' '),
        ],
        ...(user === undefined ? [] : ['--user', ...user.split(' '), '--user', 'default', 'off']),
        ...(password === undefined ? [] : ['--requirepass', password]),
        ...(certificate === undefined
          ? []
          : [
              '--tls-cert-file',
              certificate.certFile,
              '--tls-key-file',
              certificate.keyFile,
              '--tls-auth-clients',
              'no',
            ]),
        ...args,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    await new Promise<void>((resolve, reject) => {
      let log = '';
      server.stdout.setEncoding('utf8').on('data', (text: string) => {
        if (log.length < 100_000) log += text;
        if (log.includes('Ready to accept connections')) resolve();
      });
      server.once('error', reject);
      server.once('exit', (code) => reject(new Error(`redis-server ended with ${code}: ${log}`)));
    });
    this.#server = server;
  }

  get #socket(): string {
    return join(this.#dir, 'redis.sock');
  }

  /** Asks the server for something, by a connection that no test counts or kills. */
  async command(...args: string[]): Promise<unknown> {
    if (this.#admin === undefined) {
      const admin = comeIn(this.#socket);
      const gone = () => {
        if (this.#admin === admin) this.#admin = undefined;
      };
      this.#admin = admin;
      admin.then((client) => client.on('error', gone), gone);
    }
    return (await this.#admin).sendCommand(args);
  }

  /** Who is connected, but the tests themselves. */
  async clients(): Promise<RedisClientLine[]> {
    const lines = String(await this.command('CLIENT', 'LIST'))
      .trim()
      .split('\n');
    return lines
      .map((line) => Object.fromEntries(line.split(' ').map((field) => field.split(/=(.*)/s, 2))))
      .filter((client) => client.name !== ADMIN);
  }

  /** Ends the connections for which `which` says so, as CLIENT KILL does. @returns how many there were */
  async killClients(which: (client: RedisClientLine) => boolean = () => true): Promise<number> {
    const chosen = (await this.clients()).filter(which);
    for (const { id } of chosen) await this.command('CLIENT', 'KILL', 'ID', id);
    return chosen.length;
  }

  /** Stops the server without a word to its clients, as `kill -9` of it would. */
  crash(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** Stops the process where it stands: the server is there, and answers nothing. */
  freeze(): void {
    this.#server?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#server?.kill('SIGCONT');
  }

  async stop(): Promise<void> {
    await this.#end('SIGKILL');
    rmSync(this.#dir, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return;
    const gone = once(server, 'exit');
    const admin = this.#admin;
    this.#admin = undefined;
    admin?.then((client) => client.destroy()).catch(() => {});
    server.kill(signal);
    await gone;
  }
}

const ADMIN = 'test-admin';

/** `createClient` would make a class for each. */
const create = RedisClient.factory({ RESP: 3 });

async function comeIn(path: string) {
  const client = create({
    socket: { path, reconnectStrategy: false, tls: false },
    username: 'admin',
    password: 'any',
    disableClientInfo: true,
    name: ADMIN,
  });
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** Starts a server on a free port; `stop` removes all that is of it. */
export async function startRedis(bin: string, settings: RedisSettings = {}): Promise<TestRedis> {
  return startOnFreePort((port) => new TestRedis(bin, port, settings));
}

/** Another process may take a port between its being found and its being used: then another is. */
async function startOnFreePort(make: (port: number, busPort: number) => TestRedis): Promise<TestRedis> {
  for (let attempt = 1; ; attempt++) {
    const redis = make(...(await freePorts()));
    try {
      await redis.start();
      return redis;
    } catch (error) {
      await redis.stop();
      if (attempt === 5 || !/bind|listen/i.test(String(error))) throw error;
    }
  }
}

async function freePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()];
  for (const server of servers) await once(server.listen(0, '127.0.0.1'), 'listening');
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  for (const server of servers) await once(server.close(), 'close');
  return ports as [number, number];
}

export interface RedisClusterSettings extends RedisSettings {
  readonly masters?: number;
  /** Each master has one. */
  readonly replicas?: boolean;
}

/** A private Redis Cluster: `nodes` has its masters, each with an equal part of the slots, and then their replicas. */
export class TestRedisCluster {
  readonly nodes: readonly TestRedis[];
  readonly #masters: number;
  #ids: readonly string[] = [];

  constructor(nodes: readonly TestRedis[], masters: number) {
    this.nodes = nodes;
    this.#masters = masters;
  }

  /** All nodes, as seeds. */
  get url(): string {
    return this.nodes.map((node) => node.url).join(',');
  }

  async join(): Promise<void> {
    this.#ids = await Promise.all(this.nodes.map(async (node) => String(await node.command('CLUSTER', 'MYID'))));
    const share = SLOTS / this.#masters;
    for (const [i, node] of this.nodes.entries()) {
      await node.command('CLUSTER', 'SET-CONFIG-EPOCH', `${i + 1}`);
      if (i >= this.#masters) continue;
      const last = Math.floor((i + 1) * share) - 1;
      await node.command('CLUSTER', 'ADDSLOTSRANGE', `${Math.floor(i * share)}`, `${last}`);
    }
    const [first, ...others] = this.nodes;
    for (const node of others) {
      const busPort = String(
        ((await node.command('CONFIG', 'GET', 'cluster-port')) as Record<string, string>)['cluster-port'],
      );
      await first.command('CLUSTER', 'MEET', '127.0.0.1', `${node.port}`, busPort);
    }
    await this.settled();
    for (let i = this.#masters; i < this.nodes.length; i++) {
      await this.nodes[i].command('CLUSTER', 'REPLICATE', this.#ids[i - this.#masters]);
    }
    if (this.nodes.length > this.#masters) await this.#until(() => this.#isReplicated());
  }

  /**
   * Resolves once all masters say the same of who has which slots, and since when. Where one is told of a move before it has
   * heard of the one before, both claims may be of the same epoch, and the masters may differ about them for good.
   */
  #agreed(): Promise<void> {
    return this.#until(async () => {
      const masters = this.nodes.slice(0, this.#masters);
      const views = await Promise.all(masters.map(async (node) => String(await node.command('CLUSTER', 'NODES'))));
      // id, address, flags, master, ping, pong, epoch, state, slots
      const claims = views.map((view) =>
        view
          .trim()
          .split('\n')
          .map((line) => line.split(' '))
          .map(([id, , , , , , epoch, , ...slots]) => [id, epoch, ...slots].join(' '))
          .sort()
          .join('\n'),
      );
      return claims.every((claim) => claim === claims[0]);
    });
  }

  /** Resolves once every node knows all others, and serves. */
  settled(): Promise<void> {
    return this.#until(async () => {
      const infos = await Promise.all(this.nodes.map(async (node) => String(await node.command('CLUSTER', 'INFO'))));
      const size = `cluster_known_nodes:${this.nodes.length}\r`;
      return infos.every((info) => info.includes('cluster_state:ok') && info.includes(size));
    });
  }

  /** The master, among `nodes`, that serves a channel just now, as the first node that answers sees it. */
  async ownerOf(channel: string): Promise<TestRedis> {
    for (const node of this.nodes) {
      try {
        const slot = Number(await node.command('CLUSTER', 'KEYSLOT', channel));
        const ranges = (await node.command('CLUSTER', 'SLOTS')) as [number, number, [string, number]][];
        const range = ranges.find(([from, to]) => slot >= from && slot <= to);
        const owner = this.nodes.find(({ port }) => port === range?.[2][1]);
        if (owner !== undefined) return owner;
      } catch {
        // That node is away.
      }
    }
    throw new Error(`Nobody serves ${channel}`);
  }

  /** Gives the slot of a channel to another node, as resharding does when it holds no key. */
  async moveSlotOf(channel: string, to: TestRedis): Promise<void> {
    const from = await this.ownerOf(channel);
    const slot = String(await from.command('CLUSTER', 'KEYSLOT', channel));
    const fromId = this.#ids[this.nodes.indexOf(from)];
    const toId = this.#ids[this.nodes.indexOf(to)];
    await to.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId);
    await from.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId);
    const others = this.nodes.slice(0, this.#masters).filter((node) => node !== to && node !== from);
    for (const node of [to, from, ...others]) await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', toId);
    await this.#agreed();
  }

  /** Makes the replica of a master the master, though that one be well; needs `replicas`. @returns the new master */
  async failOver(master: TestRedis): Promise<TestRedis> {
    const replica = this.nodes[this.nodes.indexOf(master) + this.#masters];
    await replica.command('CLUSTER', 'FAILOVER', 'TAKEOVER');
    await this.#until(async () => String(await replica.command('ROLE')).startsWith('master'));
    return replica;
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }

  async #isReplicated(): Promise<boolean> {
    const replicas = this.nodes.slice(this.#masters);
    const infos = await Promise.all(replicas.map(async (node) => String(await node.command('INFO', 'replication'))));
    return infos.every((info) => info.includes('master_link_status:up'));
  }

  async #until(isSo: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + 30_000;
    while (!(await isSo())) {
      if (performance.now() > deadline) throw new Error('The cluster did not settle');
      await setTimeout(20);
    }
  }
}

const SLOTS = 16_384;

/** Starts a cluster, of three masters unless told otherwise, and waits until it serves; `stop` removes all of it. */
export async function startRedisCluster(bin: string, settings: RedisClusterSettings = {}): Promise<TestRedisCluster> {
  const { masters = 3, replicas = false, args = [], ...rest } = settings;
  const starting = Array.from({ length: replicas ? 2 * masters : masters }, () =>
    startOnFreePort(
      (port, busPort) =>
        new TestRedis(bin, port, {
          ...rest,
          args: [
            ...['--cluster-enabled', 'yes', '--cluster-port', `${busPort}`, '--cluster-node-timeout', '1000'],
            ...['--cluster-config-file', `nodes-${port}.conf`],
            ...(rest.certificate === undefined
              ? []
              : ['--tls-cluster', 'yes', '--tls-ca-cert-file', rest.certificate.certFile]),
            ...args,
          ],
        }),
    ),
  );
  const cluster = new TestRedisCluster(await Promise.all(starting), masters);
  try {
    await cluster.join();
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  return cluster;
}
