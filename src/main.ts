import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { reachable } from './address.ts';
import { developmentSecret } from './auth/secret.ts';
import { checkCommand } from './check.ts';
import { runCommand } from './command-line.ts';
import { type Config, ConfigError, carelessTrust, loadConfig } from './config.ts';
import { cursorSeal } from './cursor-seal.ts';
import { explain } from './explain.ts';
import { serverHelp } from './help.ts';
import { createLog } from './log.ts';
import { encodePosition } from './protocol/position.ts';
import { recover } from './recovery.ts';
import { GroupCommit } from './store/group-commit.ts';
import { type OpenedStore, openStore } from './store/open.ts';
import { StoreUnavailable } from './store/store.ts';
import { StreamedStore } from './store/streamed.ts';
import type { FixStream } from './stream/fix-stream.ts';
import { wordsFor } from './stream/words-for.ts';
import { Tracker } from './tracker.ts';
import { welcome } from './welcome.ts';

/** Exit code for settings that are wrong (EX_CONFIG). */
const EXIT_CONFIG = 78;
/** The whole shutdown must be over by then, milliseconds. */
const SHUTDOWN_TIME = 9_500;
/** A start that was interrupted gets this long to end in order, milliseconds. */
const START_ABORT_TIME = 5_000;
/** Signals so soon after the first, in milliseconds, are the same one again. */
const ECHO_TIME = 1_000;
/** What is not stored yet gets this much of it before the sockets close, and as much again after. */
const DRAIN_TIME = 2_000;
/** What is stored and waits to be told on gets this much, beside the sockets. */
const STREAM_TIME = 2_000;
/**
 * Who has not sent its request or read its answer is cut off so many milliseconds after the server began to close, and
 * who was answered only at the very end gets this much.
 */
const FAREWELL_TIME = 1_500;
const LAST_FAREWELL_TIME = 250;
/** How often stale drivers are looked for, milliseconds. */
const EXPIRY_INTERVAL = 1_000;

const argv = process.argv.slice(2);
if (argv.length > 0) {
  await runCommand(serverHelp(), argv, checkCommand);
  process.exit();
}

let config: Config;
try {
  config = loadConfig();
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  console.error(error.message);
  process.exit(EXIT_CONFIG);
}
const log = createLog(config.logLevel);
const stopping = new AbortController();
let stoppingSince = 0;
let serving = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => onSignal(signal));
// Whoever started the server with a channel to it is gone.
process.on('disconnect', () => onSignal('disconnect'));

try {
  await run(config, log);
  process.exit(0);
} catch (error) {
  const explanation = explain(error, config);
  if (explanation === undefined) throw error;
  console.error(explanation);
  process.exit(1);
}

/** Serves until a signal says stop; resolves when nothing is left. */
async function run(config: Config, log: Logger): Promise<void> {
  const careless = carelessTrust(config);
  if (careless !== undefined) log.warn(careless);
  // The app is loaded while the database starts: each takes a second or two.
  const [{ buildApp }, opened] = await Promise.all([
    import('./app.ts'),
    openStore({
      databaseUrl: config.databaseUrl,
      dataDir: config.dataDir,
      staleAfter: config.driverTtlSeconds * 1000,
      retentionDays: config.historyRetentionDays,
      onProgress: (message) => console.log(message),
      log: (message) => log.warn(message),
    }),
  ]);
  let app: FastifyInstance | undefined;
  const stream = await streamOf(config, log);
  const writer = new GroupCommit({
    store: stream === undefined ? opened.store : new StreamedStore(opened.store, stream),
    maxPending: config.maxPendingFixes,
    onRejected: (entry, error) => {
      const { fleet } = entry.kind === 'removal' ? entry.driver : entry.fix;
      if (entry.kind === 'position') tracker.reject(entry.fix, error);
      log.error({ err: error, fleet }, `a ${entry.kind} was not stored: the database refused it`);
    },
    onAvailability: (error) => {
      if (error === undefined) log.info('the database is back; what waited is stored');
      else log.error({ err: error }, 'the database does not answer; fixes wait in memory');
    },
  });
  const joined = await join(config, writer, opened, log);
  const cluster = joined?.cluster;
  const instance = randomBytes(6).toString('base64url');
  const tracker = new Tracker({
    writer,
    now: Date.now,
    instance,
    encode: encodePosition,
    seal: cursorSeal(instance),
    ttlSeconds: config.driverTtlSeconds,
    maxFutureSeconds: config.maxFutureSeconds,
    peers: cluster,
  });
  cluster?.start(tracker);
  try {
    // One of many reads what its clients look at, when they do.
    if (cluster === undefined && !(await restore(tracker, opened, config, log))) return;
    const isDevelopment = config.jwtSecret === undefined && config.jwksUrl === undefined;
    const secret = isDevelopment ? developmentSecret(config.dataDir) : config.jwtSecret;
    app = await buildApp({
      config,
      secret,
      tracker,
      writer,
      history: opened.history,
      access: opened.access,
      accessHints: cluster?.hints,
      cluster: joined && {
        waits: joined.cluster,
        reads: joined.readsOf(tracker),
      },
      clusterState: cluster,
      stream,
      ready: async () => {
        stopping.signal.throwIfAborted();
        if (writer.full || !writer.available) throw new StoreUnavailable('The store is behind');
        await opened.store.ping();
        return cluster?.isUp === false ? 'degraded' : 'ok';
      },
      now: Date.now,
      log,
    });
    if (stopping.signal.aborted) return;
    await app.listen({ host: config.host, port: config.port });
    serving = true;
    const expire = () => {
      if (tracker.expire()) setImmediate(expire);
    };
    const expiry = setInterval(expire, EXPIRY_INTERVAL);
    const { port } = app.server.address() as AddressInfo;
    const url = `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${port}`;
    if (isDevelopment && secret !== undefined) console.log(welcome(reachable(url), secret, config));
    console.log(`Nearcast is ready at ${url}`);
    await new Promise((resolve) => {
      if (stopping.signal.aborted) resolve(undefined);
      else stopping.signal.addEventListener('abort', resolve, { once: true });
    });
    clearInterval(expiry);
  } finally {
    await shutDown(app, writer, opened, joined, stream);
  }
}

/** Makes this one of many, where the settings say so. Alone it need not even load what that takes. */
async function join(config: Config, writer: GroupCommit, { positions: store, cutOffs }: OpenedStore, log: Logger) {
  const { redisUrl } = config;
  if (redisUrl === undefined) return undefined;
  const { joinCluster } = await import('./cluster/join.ts');
  return joinCluster({ config, redisUrl, store, cutOffs, writer, log });
}

/** The stream that the settings ask for. Without one its library need not be loaded. */
async function streamOf(config: Config, log: Logger) {
  if (config.redisStream === undefined) return undefined;
  const { openStream } = await import('./stream/open-stream.ts');
  return openStream(config, log);
}

/** Fills the index from the store. @returns false: it was told to stop */
async function restore(tracker: Tracker, opened: OpenedStore, config: Config, log: Logger): Promise<boolean> {
  const recovery = await recover({
    tracker,
    store: opened.store,
    since: Date.now() - config.driverTtlSeconds * 1000,
    signal: stopping.signal,
    clock: () => performance.now(),
    onProgress: (message) => log.info(message),
  });
  if (recovery === undefined) return false;
  if (recovery.drivers > 0)
    log.info(`${recovery.drivers} drivers restored in ${(recovery.milliseconds / 1000).toFixed(1)} s`);
  return true;
}

/** Not ready any more; then stores and acknowledges what came, then takes no more, then closes sockets and database. */
async function shutDown(
  app: FastifyInstance | undefined,
  writer: GroupCommit,
  opened: OpenedStore,
  joined: { close(): Promise<void> } | undefined,
  stream: FixStream | undefined,
): Promise<void> {
  // Also a handle that keeps the process alive, when all else that waits is timers that do not.
  setTimeout(() => {
    log.error('shutting down took too long; what was acknowledged is stored');
    process.exit(1);
  }, SHUTDOWN_TIME);
  await writer.drain(DRAIN_TIME);
  // Requests that wait for the store keep the app open until the writer lets them go.
  const closing = app?.close();
  // It is waited for below; until then nobody hears of it.
  closing?.catch(() => {});
  const closingSince = performance.now();
  if (!(await writer.drain(DRAIN_TIME))) {
    log.error(`${writer.unstored} writes that were received, and not acknowledged, could not be stored`);
  }
  writer.close();
  const streaming = stream?.close(STREAM_TIME);
  // A connection whose last answer only now went out would be kept for another request that never comes.
  const sweep = setInterval(() => app?.server.closeIdleConnections(), 50);
  // One on which a request never came whole, or none at all, does not count as idle.
  const farewell = Math.max(LAST_FAREWELL_TIME, FAREWELL_TIME - (performance.now() - closingSince));
  const cut = setTimeout(() => app?.server.closeAllConnections(), farewell);
  await closing;
  clearTimeout(cut);
  clearInterval(sweep);
  await joined?.close();
  const missing = await streaming;
  if (missing !== undefined) log.warn(`not told on to the stream: ${wordsFor(missing)}`);
  await opened.close();
}

function onSignal(signal: NodeJS.Signals | 'disconnect'): void {
  if (stopping.signal.aborted) {
    // A terminal signals the whole group, and npm passes on what the server has already got.
    if (performance.now() - stoppingSince < ECHO_TIME) return;
    log.warn(`${signal} again: going at once`);
    process.exit(1);
  }
  log.info(`${signal}: shutting down`);
  stoppingSince = performance.now();
  stopping.abort();
  // Nothing was acknowledged before it serves, so there is nothing to wait for long.
  if (!serving) setTimeout(() => process.exit(0), START_ABORT_TIME);
}
