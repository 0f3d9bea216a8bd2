// A server of the REST bench, in a process of its own: Nearcast without a database, or the floor it is compared with.
import { writeFile } from 'node:fs/promises';
import { Session } from 'node:inspector/promises';
import type { AddressInfo } from 'node:net';
import helmet from '@fastify/helmet';
import Fastify, { type FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { buildApp } from '../src/app.ts';
import { DEFAULT_FLEET } from '../src/auth/principal.ts';
import { loadConfig } from '../src/config.ts';
import { encodePosition } from '../src/protocol/position.ts';
import type { StoredFix } from '../src/store/store.ts';
import { Tracker } from '../src/tracker.ts';
import { restFleet } from './rest-fleet.ts';

/** What to serve. */
export type RestServerOptions =
  | { readonly kind: 'nearcast'; readonly drivers: number; readonly seed: number; readonly secret: string }
  | { readonly kind: 'bare' | 'helmet' };

/** What the bench asks of a server; each is answered with a message. */
export type RestServerRequest =
  | { readonly do: 'bodies'; readonly path: string; readonly bodies: readonly string[] }
  | { readonly do: 'profile' }
  | { readonly do: 'write profile'; readonly file: string };

/** Microseconds between two looks of the profiler. */
const SAMPLING = 250;
/** Positions restored at once. */
const BATCH = 5000;

const options = JSON.parse(process.argv[2]) as RestServerOptions;
const bodiesByPath = new Map<string, readonly string[]>();
const app = options.kind === 'nearcast' ? await nearcast(options) : await bare(options.kind === 'helmet');
const session = new Session();

process.on('message', async (request: RestServerRequest) => {
  if (request.do === 'bodies') bodiesByPath.set(request.path, request.bodies);
  else if (request.do === 'profile') {
    session.connect();
    await session.post('Profiler.enable');
    await session.post('Profiler.setSamplingInterval', { interval: SAMPLING });
    await session.post('Profiler.start');
  } else {
    const { profile } = await session.post('Profiler.stop');
    session.disconnect();
    await writeFile(request.file, JSON.stringify(profile));
  }
  process.send?.({ done: true });
});
process.once('disconnect', () => process.exit());
await app.listen({ host: '127.0.0.1', port: 0 });
process.send?.({ port: (app.server.address() as AddressInfo).port });

/** All of the app, with a fleet in memory and nowhere to write. */
async function nearcast({ drivers, seed, secret }: Extract<RestServerOptions, { kind: 'nearcast' }>) {
  const config = loadConfig({ JWT_SECRET: secret });
  const tracker = new Tracker({
    writer: {
      full: false,
      write: () => {},
      writeLate: () => {},
      remove: () => {},
      whenStored: (onStored) => onStored(),
    },
    now: Date.now,
    instance: 'bench',
    encode: encodePosition,
    ttlSeconds: config.driverTtlSeconds,
    maxFutureSeconds: config.maxFutureSeconds,
  });
  await tracker.restore(stored(drivers, seed));
  const log = pino({ level: 'warn' });
  return buildApp({ config, secret, tracker, ready: async () => 'ok', now: Date.now, log });
}

async function* stored(drivers: number, seed: number): AsyncIterable<readonly StoredFix[]> {
  const fleet = restFleet(drivers, seed);
  const timestamp = Date.now();
  for (let from = 0; from < drivers; from += BATCH) {
    yield Array.from({ length: Math.min(BATCH, drivers - from) }, (_, i) => ({
      ...fleet.position(from + i, timestamp),
      fleet: DEFAULT_FLEET,
      cell: '',
    }));
  }
}

/** The least that Fastify does for an answer: one route that sends what was made ahead, one body after the other. */
async function bare(withHelmet: boolean): Promise<FastifyInstance> {
  const floor = Fastify();
  // With the same settings as the app has; only their number matters here.
  if (withHelmet) await floor.register(helmet);
  const next = new Map<string, number>();
  floor.get('/v1/drivers/:path', (request, reply) => {
    const { path } = request.params as { path: string };
    const bodies = bodiesByPath.get(path) ?? [];
    const i = next.get(path) ?? 0;
    next.set(path, i + 1 === bodies.length ? 0 : i + 1);
    return reply.type('application/json').send(bodies[i]);
  });
  return floor;
}
