import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import { type AppDeps, buildApp } from '../../src/app.ts';
import { mintToken, type TokenClaims } from '../../src/auth/tokens.ts';
import { type Config, loadConfig } from '../../src/config.ts';
import { cursorSeal } from '../../src/cursor-seal.ts';
import type { Overload } from '../../src/overload/overload.ts';
import { encodePosition } from '../../src/protocol/position.ts';
import { GroupCommit } from '../../src/store/group-commit.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import type { Store } from '../../src/store/store.ts';
import { Tracker, type Waits } from '../../src/tracker.ts';
import { Client, type Message } from './client.ts';

export const SECRET = 'a secret of at least thirty-two bytes';

const NOTHING_TO_WAIT_FOR: Waits = { ready: () => undefined, meet: () => undefined, seek: () => undefined };

/** Ten years, in seconds: a server under test may be told another time than it is. */
const TTL = 315_360_000;

/** A token that may do everything, unless told otherwise. */
export function token(claims: Partial<TokenClaims> = {}): string {
  return mintToken(SECRET, { sub: 'tester', scope: 'positions:read positions:write:any', ttlSeconds: TTL, ...claims });
}

/** A response whose JSON is to be looked at, not trusted. */
type Answer = Omit<Response, 'json'> & { json(): Promise<Message> };

export interface TestServer {
  readonly app: FastifyInstance;
  readonly tracker: Tracker;
  readonly writer: GroupCommit;
  readonly port: number;
  /** Opens a WebSocket; with a token that may do everything unless `access_token` or protocols say otherwise. */
  connect(path?: string, protocols?: string[], headers?: Record<string, string>): Promise<Client>;
  /** GET with a token that may do everything, or with the given headers. */
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer>;
}

/** A whole server in this process, on a free port; ended when the test is. */
export async function startServer(
  options: {
    env?: Record<string, string>;
    store?: Store;
    history?: AppDeps['history'];
    access?: AppDeps['access'];
    accessHints?: AppDeps['accessHints'];
    clusterState?: AppDeps['clusterState'];
    stream?: AppDeps['stream'];
    maxPending?: number;
    ready?: AppDeps['ready'];
    now?: () => number;
    log?: pino.Logger;
    overload?: Overload;
    pages?: AppDeps['pages'];
    /** What doors wait for, as if there were other instances. */
    waits?: Partial<Waits>;
  } = {},
): Promise<TestServer> {
  // The test's own work is done in the same turns: what it makes late is no load.
  const config: Config = loadConfig({ JWT_SECRET: SECRET, MAX_LAG_MILLISECONDS: '0', ...options.env });
  const now = options.now ?? Date.now;
  const writer = new GroupCommit({
    store: options.store ?? new MemoryStore(undefined, 0),
    onRejected: (entry, error) => {
      if (entry.kind === 'position') tracker.reject(entry.fix, error);
    },
    maxPending: options.maxPending,
    retryDelay: 1,
  });
  const tracker = new Tracker({
    writer,
    now,
    instance: 'test',
    encode: encodePosition,
    seal: cursorSeal('test'),
    ttlSeconds: config.driverTtlSeconds,
    maxFutureSeconds: config.maxFutureSeconds,
  });
  const app = await buildApp({
    config,
    secret: config.jwtSecret,
    tracker,
    cluster: options.waits && { reads: tracker, waits: { ...NOTHING_TO_WAIT_FOR, ...options.waits } },
    history: options.history,
    access: options.access,
    accessHints: options.accessHints,
    clusterState: options.clusterState,
    stream: options.stream,
    writer,
    ready: options.ready ?? (async () => 'ok'),
    now,
    log: options.log ?? pino({ level: 'silent' }),
    overload: options.overload,
    pages: options.pages,
  });
  await app.listen({ port: 0 });
  onTestFinished(async () => {
    await app.close();
    writer.close();
  });
  const { port } = app.server.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  const authorization = { authorization: `Bearer ${token()}` };
  return {
    app,
    tracker,
    writer,
    port,
    connect(path = '/ws', protocols, headers) {
      const own = headers !== undefined || protocols !== undefined || path.includes('access_token');
      return Client.open(`ws://127.0.0.1:${port}${path}`, protocols, own ? headers : authorization);
    },
    get: (path, headers = authorization) => fetch(origin + path, { headers }),
    post: (path, body, headers = authorization) =>
      fetch(origin + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
  };
}
