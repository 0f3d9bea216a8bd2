import { randomBytes } from 'node:crypto';
import cors from '@fastify/cors';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import { Access } from './auth/access.ts';
import type { AccessStore } from './auth/access-store.ts';
import type { HintChannel } from './auth/hints.ts';
import { IssuerKeys } from './auth/jwks.ts';
import { onceReady } from './auth/ready.ts';
import { authenticator } from './auth/tokens.ts';
import { verifier } from './auth/verify.ts';
import { PAGES_DIR } from './build-pages.ts';
import type { Config } from './config.ts';
import { processClock } from './delivery/clock.ts';
import { Limited } from './delivery/limited.ts';
import { Pulse } from './delivery/pulse.ts';
import { Quota } from './delivery/quota.ts';
import { Traffic } from './delivery/traffic.ts';
import type { ReplaySource } from './history/replay-source.ts';
import type { TrackSource } from './history/track-source.ts';
import { askAgain } from './http/access.ts';
import { cellRoutes } from './http/cells.ts';
import { changesRoutes } from './http/changes.ts';
import { refuseWhileClosing } from './http/closing.ts';
import { useDocumentation } from './http/documentation.ts';
import { driverRoutes } from './http/drivers.ts';
import { useApiHeaders } from './http/headers.ts';
import { healthRoutes, type Readiness } from './http/health.ts';
import { readJson } from './http/json-body.ts';
import { timeRoutes } from './http/latency.ts';
import { metricsRoutes } from './http/metrics.ts';
import { leadToReference, usePages } from './http/pages.ts';
import { positionRoutes } from './http/positions.ts';
import { handleClientError, handleError, useProblems } from './http/problem.ts';
import { useRates } from './http/rates.ts';
import { replayRoutes } from './http/replay.ts';
import { revocationRoutes } from './http/revocations.ts';
import { shareRoutes } from './http/shares.ts';
import { shedNewcomers } from './http/shedding.ts';
import { streamRoutes } from './http/stream.ts';
import { trackRoutes } from './http/track.ts';
import { validatorCompiler } from './http/validation.ts';
import { withinRoutes } from './http/within.ts';
import { Ingest } from './ingest.ts';
import type { ClusterState } from './metrics/cluster.ts';
import { Metrics } from './metrics/metrics.ts';
import type { WriterState } from './metrics/store.ts';
import type { StreamState } from './metrics/stream.ts';
import { Overload } from './overload/overload.ts';
import { watchLoad } from './overload/watch.ts';
import { messageEncoder } from './protocol/encode.ts';
import { MAX_BYTES } from './protocol/rest.ts';
import { MemoryAccess } from './store/memory-access.ts';
import type { Reads, Tracker, Waits } from './tracker.ts';
import { VERSION } from './version.ts';
import { isHandshake } from './ws/handshake.ts';
import { webSocketRoutes } from './ws/routes.ts';

/** What the app is made of; whoever builds it owns these and ends them. */
export interface AppDeps {
  readonly config: Config;
  /** The secret that tokens are signed with; absent where an issuer's keys alone are trusted (JWKS_URL). */
  readonly secret?: string;
  readonly tracker: Tracker;
  /** Where there are other instances: who answers, and what has to be waited for; absent: the tracker, and nothing. */
  readonly cluster?: { readonly reads: Reads; readonly waits: Waits };
  /** What instances do together, to be measured; absent where there is one. */
  readonly clusterState?: ClusterState;
  /** Where the past is kept; absent when none is. */
  readonly history?: { readonly tracks: TrackSource; readonly replays: ReplaySource };
  /** Where shares and revocations are kept; absent: they are forgotten with the app. */
  readonly access?: AccessStore;
  /** How instances of one store tell each other that it has changed there; absent: there is one. */
  readonly accessHints?: HintChannel;
  /** What writes to the store, to be measured; absent where nothing is stored. */
  readonly writer?: WriterState;
  /** What tells on what is stored (REDIS_STREAM), to be measured; absent where nothing does. */
  readonly stream?: StreamState;
  /** Resolves when the instance can do its work. */
  readonly ready: () => Promise<Readiness>;
  /** The server's clock, epoch milliseconds. */
  readonly now: () => number;
  readonly log: FastifyBaseLogger;
  /** Says when there is too much to do; absent: one is made of the settings, and fed while the app listens. */
  readonly overload?: Overload;
  /** Where the pages were built; absent: where `npm run build:web` builds them. */
  readonly pages?: string;
}

/** How often shares and revocations that are over are looked for, milliseconds. */
const PRUNE_INTERVAL = 60_000;

/** Puts the plugins and routes together. Never listens. */
export async function buildApp(deps: AppDeps): Promise<FastifyInstance> {
  const { config, tracker, now } = deps;
  const app = Fastify({
    loggerInstance: deps.log,
    // Two lines a request would drown everything else.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: MAX_BYTES,
    genReqId: requestIds(),
    return503OnClosing: false,
    // An id of 128 characters may take 12 bytes of percent-encoding each.
    routerOptions: { maxParamLength: 2048 },
    frameworkErrors: handleError,
    clientErrorHandler: handleClientError,
    // Sockets that are still idle when the server closes would hold it up.
    forceCloseConnections: 'idle',
    ...slowLimits(config),
    // By a number alone Fastify would trust nobody.
    trustProxy: typeof config.trustProxy === 'number' ? firstHops(config.trustProxy) : config.trustProxy?.slice(),
  });
  app.removeContentTypeParser(['text/plain', 'application/json']);
  readJson(app, 'application/json');
  app.decorateRequest('principal', null);
  app.decorate('slowTime', config.slowSeconds * 1000);
  app.setValidatorCompiler(validatorCompiler);
  // Answers are sent as text that was encoded ahead; nothing is left to serialize.
  app.setSerializerCompiler(() => JSON.stringify);
  useProblems(app);
  refuseWhileClosing(app);
  if (config.corsOrigins.length > 0) {
    await app.register(cors, {
      origin: config.corsOrigins.includes('*') ? '*' : [...config.corsOrigins],
      methods: ['GET', 'HEAD', 'POST', 'DELETE'],
      allowedHeaders: ['authorization', 'content-type', 'last-event-id'],
      maxAge: 600,
      // What is no preflight after all is no plain text either.
      strictPreflight: false,
      exposedHeaders: ['link', 'retry-after', 'ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset'],
    });
  }
  const overload = deps.overload ?? watchedOverload(app, config);
  // Behind CORS, so that a page of another origin may read when to come back.
  shedNewcomers(app, overload);
  const keys = config.jwksUrl === undefined ? undefined : new IssuerKeys(config.jwksUrl, app.log);
  app.addHook('onClose', async () => keys?.close());
  const { jwtIssuer: issuer, jwtAudience: audience, jwtClockToleranceSeconds: tolerance } = config;
  const access = await accessOf(app, deps);
  const judge = authenticator({
    verify: verifier({ secret: deps.secret, keys, issuer, audience, tolerance, now }),
    now,
    tolerance,
    withdrawals: keys && (() => keys.withdrawals),
    shareOf: access.principalOf,
    isRevoked: access.isRevoked,
  });
  const authenticate = onceReady(judge, tracker);
  askAgain(app, now, access.isRevoked);
  const limited = new Limited(app.log);
  const atHandshake = await useRates(app, {
    requests: config.rateLimit,
    handshakes: config.maxHandshakesPerMinute,
    authenticate: judge,
    limited,
  });
  const quota = new Quota(
    { connections: config.maxConnectionsPerSubject, subscriptions: config.maxSubscriptionsPerSubject },
    limited,
  );
  const waits = deps.cluster?.waits;
  const reads = deps.cluster?.reads ?? tracker;
  const ingest = new Ingest(tracker, config.maxFutureSeconds, waits);

  await useDocumentation(app, VERSION, config.maxRadiusMeters, config.docs);
  if (config.dashboard) await usePages(app, pagesOf(config, deps.pages));
  else if (config.docs) await leadToReference(app);
  const pingInterval = config.pingSeconds * 1000;
  const slowTime = config.slowSeconds * 1000;
  const pulse = new Pulse(Math.min(1000, pingInterval, slowTime));
  app.addHook('onClose', async () => pulse.stop());
  const traffic = new Traffic();
  const delivery = {
    tracker,
    waits,
    traffic,
    authenticate,
    doors: access.doors,
    encode: messageEncoder(now),
    clock: processClock(now),
    maxRadiusMeters: config.maxRadiusMeters,
    pulse,
    pingInterval,
    slowTime,
    quota,
    atHandshake,
  };
  const queries = { tracker, reads, waits, authenticate, now, maxRadiusMeters: config.maxRadiusMeters };
  await app.register(async (api) => {
    useApiHeaders(api);
    // A logger for each request takes longer than most answers; who logs names the request.
    api.setChildLoggerFactory((logger) => logger);
    const routes = timeRoutes(api);
    await api.register(driverRoutes, queries);
    await api.register(withinRoutes, queries);
    await api.register(cellRoutes, queries);
    await api.register(trackRoutes, { reads, tracks: deps.history?.tracks, authenticate, now });
    await api.register(streamRoutes, delivery);
    await api.register(changesRoutes, delivery);
    await api.register(replayRoutes, {
      ...delivery,
      replays: deps.history?.replays,
      maxReplays: config.maxReplays,
      ttlSeconds: config.driverTtlSeconds,
    });
    await api.register(positionRoutes, { ingest, authenticate });
    await api.register(shareRoutes, { ...queries, access, maxShareSeconds: config.maxShareSeconds });
    await api.register(revocationRoutes, { access, authenticate, now });
    await api.register(healthRoutes, { ready: deps.ready });
    const metrics = new Metrics({
      ingest,
      tracker,
      traffic,
      writer: deps.writer,
      maxPendingFixes: config.maxPendingFixes,
      routes,
      overload,
      limited,
      keys,
      cluster: deps.clusterState,
      access: access.catchUp,
      stream: deps.stream,
    });
    await api.register(metricsRoutes, { authenticate, metrics });
  });
  // Last, as those of streams and polls need not wait for WebSockets to close, which takes as long as their peers do.
  await app.register(webSocketRoutes, {
    ingest,
    ...delivery,
    maxSubscriptions: config.maxSubscriptions,
    rates: ratesOf(config),
    limited,
    permessageDeflate: config.permessageDeflate,
    overload,
    origins: config.corsOrigins,
  });
  return app;
}

/** How long a request may take to come: whoever sends a byte now and then is not to hold connections open. */
function slowLimits({ headersTimeoutSeconds, requestTimeoutSeconds }: Config) {
  const headersTimeout = headersTimeoutSeconds * 1000;
  return {
    requestTimeout: requestTimeoutSeconds * 1000,
    http: {
      headersTimeout,
      connectionsCheckingInterval: Math.min(2_000, headersTimeout / 2),
      shouldUpgradeCallback: isHandshake,
      // What Node would answer is no problem; `useProblems` asks for it.
      requireHostHeader: false,
    },
  };
}

/** What the pages are told. */
function pagesOf({ mapStyle, maxRadiusMeters, driverTtlSeconds, historyRetentionDays }: Config, dir = PAGES_DIR) {
  return {
    dir,
    settings: {
      version: VERSION,
      mapStyle: mapStyle && { light: mapStyle.light, dark: mapStyle.dark },
      maxRadiusMeters,
      driverTtlSeconds,
      historyRetentionDays,
    },
    mapOrigins: mapStyle?.origins ?? [],
  };
}

/** What a connection may send, where that is limited. */
function ratesOf({ maxMessagesPerSecond: messages, maxBytesPerSecond: bytes }: Config) {
  return messages === 0 && bytes === 0 ? undefined : { messages, bytes };
}

/** Believes as many proxies as there are, counted from here. */
function firstHops(count: number) {
  return (_address: string, hop: number): boolean => hop < count;
}

/** Names requests, no two of them alike in all that instances ever log. */
function requestIds(): () => string {
  const run = randomBytes(6).toString('base64url');
  let last = 0;
  return () => `${run}-${(++last).toString(36)}`;
}

/** Knows who was let in by a share and who was sent away; what is over is forgotten while the app listens. */
async function accessOf(
  app: FastifyInstance,
  { access, accessHints: hints, config, now, log }: AppDeps,
): Promise<Access> {
  const store = access ?? new MemoryAccess();
  const others = hints && { hints, log };
  const known = await Access.load({ store, now, maxSharesPerSubject: config.maxSharesPerSubject, others });
  // Until the next time what is over stays where it is, and counts for nothing.
  const prune = () => known.prune().catch((err) => log.debug({ err }, 'shares and revocations were not pruned'));
  let pruning: NodeJS.Timeout | undefined;
  app.addHook('onListen', async () => {
    pruning = setInterval(prune, PRUNE_INTERVAL).unref();
  });
  app.addHook('onClose', async () => {
    clearInterval(pruning);
    known.close();
  });
  return known;
}

/** Knows from the start of listening to the end of the app whether there is too much to do. */
function watchedOverload(app: FastifyInstance, config: Config): Overload {
  const overload = new Overload({ lag: config.maxLagMilliseconds, heapPercent: config.maxHeapPercent });
  let unwatch: (() => void) | undefined;
  // Not before: what a start takes is no load.
  app.addHook('onListen', async () => {
    unwatch = watchLoad(overload);
  });
  app.addHook('onClose', async () => unwatch?.());
  return overload;
}
