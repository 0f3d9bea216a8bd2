import { randomUUID } from 'node:crypto';
import { developmentSecret } from '../auth/secret.ts';
import { mintToken } from '../auth/tokens.ts';
import { runCommand } from '../command-line.ts';
import { loadConfig } from '../config.ts';
import { type DemoOptions, HELP, readDemoOptions } from './demo-options.ts';
import { Fleet } from './fleet.ts';
import { demoLink, invitation } from './invitation.ts';
import { openLink } from './open-link.ts';
import { writePast } from './past.ts';
import { Rate } from './rate.ts';
import { isMapReachable } from './reachable-map.ts';
import { RoadNetwork } from './road-network.ts';
import { ServerEnded, startServer } from './server-process.ts';
import { StatusLine } from './status-line.ts';
import { type StyleServer, serveStyle } from './style-server.ts';
import { Traffic } from './traffic.ts';

const DAY = 86_400;
/** Seconds: silent drivers are to be seen going stale. */
const TTL = '60';
/** The share of drivers that take a break. */
const OFF_DUTY = 0.02;
/** When less than this share of a file of roads is driven on, that is told. */
const MOST = 0.9;

async function demo(argv: readonly string[]): Promise<number> {
  const options = await readDemoOptions(argv);
  const { streets } = options;
  if (streets instanceof RoadNetwork && streets.used < MOST) {
    const percent = (streets.used * 100).toFixed(0);
    console.log(
      `${percent} % of the roads hang together and are driven on: roads meet where their lines share a place.`,
    );
  }
  const interrupted = new Promise<'interrupted'>((resolve) => {
    // Kept until the end: a second Ctrl-C must not leave the server behind.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => resolve('interrupted'));
  });
  const style = await Promise.race([ownMap(options), interrupted]);
  if (style === 'interrupted') return 0;
  try {
    return await run(options, style, interrupted);
  } finally {
    await style?.close();
  }
}

async function run(
  options: DemoOptions,
  style: StyleServer | undefined,
  interrupted: Promise<'interrupted'>,
): Promise<number> {
  const env = environment(options, style);
  const config = loadConfig(env);
  const secret = config.jwtSecret ?? developmentSecret(config.dataDir);
  // With a secret given, the server keeps its own sample commands to itself.
  env.JWT_SECRET = secret;
  const mint = (sub: string, scope: string) => mintToken(secret, { sub, scope, ttlSeconds: DAY, jti: randomUUID() });
  const server = startServer(env, (line) => console.log(line));
  let fleet: Fleet | undefined;
  let status: StatusLine | undefined;
  try {
    const url = await Promise.race([server.ready, interrupted]);
    if (url === 'interrupted') return 0;
    const { streets, drivers, seed, silent, gateways, interval } = options;
    const traffic = new Traffic({ streets, drivers, seed, silent, offDuty: Math.min(OFF_DUTY, silent) });
    const began = Date.now() - (config.historyRetentionDays === 0 ? 0 : options.past * 60_000);
    const over = new AbortController();
    const token = mint('demo', 'positions:read positions:write:any');
    const past = writePast({ traffic, began, url, token, signal: over.signal });
    const ended = await Promise.race([past, server.ended, interrupted]);
    over.abort();
    if (ended === 'interrupted') return 0;
    if (ended !== undefined) return ended || 1;
    fleet = new Fleet({
      url: `${url.replace(/^http/, 'ws')}/ws`,
      traffic,
      began,
      gateways,
      interval,
      token: (sub, scope) => mintToken(secret, { sub, scope, ttlSeconds: DAY }),
      onOffDuty: (driverId) => goOffDuty(url, driverId, mint(driverId, 'positions:write')),
    });
    const tokens = {
      demo: mint('demo', 'positions:read positions:write:any access:manage'),
      driver: mint('you', 'positions:write'),
      rider: mint('rider', 'positions:read'),
    };
    console.log(invitation({ url, streets, tokens }));
    if (options.opens) openLink(demoLink({ url, streets, tokens }));
    status = new StatusLine(summary(fleet, traffic), 10);
    // Until the first connections are there the line has nothing to tell.
    void fleet.start();
    const end = await Promise.race([server.ended, interrupted]);
    if (end === 'interrupted') return 0;
    status.above(`The server ended by itself, with exit code ${end}.`);
    return end || 1;
  } catch (error) {
    if (!(error instanceof ServerEnded)) throw error;
    // It has printed why, in the words of its own settings.
    console.error('For a demo these settings are --port and --data-dir; a second one at the same time needs both.');
    return error.exitCode || 1;
  } finally {
    status?.stop();
    await fleet?.stop();
    await server.stop();
  }
}

/** The settings of the server. */
function environment(options: DemoOptions, style: StyleServer | undefined): NodeJS.ProcessEnv {
  return {
    ...process.env,
    DATA_DIR: options.dataDir,
    DATABASE_URL: options.databaseUrl,
    JWKS_URL: undefined,
    JWT_ISSUER: undefined,
    JWT_AUDIENCE: undefined,
    // All its drivers come from one address.
    MAX_HANDSHAKES_PER_MINUTE: process.env.MAX_HANDSHAKES_PER_MINUTE || '0',
    DRIVER_TTL_SECONDS: process.env.DRIVER_TTL_SECONDS || TTL,
    // Hundreds that connect would scroll away what is printed for people.
    LOG_LEVEL: process.env.LOG_LEVEL || 'warn',
    ...(options.port === undefined ? {} : { PORT: options.port }),
    ...(style === undefined ? {} : { MAP_STYLE_URL: style.url }),
  };
}

/** The map of the simulated streets, where it is wanted: asked for, or in place of one that cannot be reached. */
async function ownMap({ map, streets }: DemoOptions): Promise<StyleServer | undefined> {
  if (map === 'web' || (map === 'auto' && process.env.MAP_STYLE_URL)) return undefined;
  if (map === 'auto' && (await isMapReachable())) return undefined;
  return serveStyle(streets);
}

/** Takes a driver off duty. When that fails it goes stale a minute later, which is as good here. */
function goOffDuty(url: string, driverId: string, token: string): void {
  fetch(`${url}/v1/drivers/${driverId}`, { method: 'DELETE', headers: { authorization: `Bearer ${token}` } })
    .then((answer) => answer.body?.cancel())
    .catch(() => undefined);
}

function summary(fleet: Fleet, traffic: Traffic): () => string {
  const rate = new Rate(performance.now());
  return () => {
    const { sent, errors, reconnects, failed } = fleet.counts;
    const connections =
      fleet.connections === fleet.drivers.length ? '' : ` over ${fleet.connected} of ${fleet.connections} connections`;
    const drivers =
      connections === '' ? `${fleet.connected} of ${fleet.drivers.length} drivers` : `${fleet.drivers.length} drivers`;
    const { pickup, busy, available, silent, offDuty } = traffic.count();
    return [
      `${drivers}${connections}`,
      `${Math.round(rate.update(sent, performance.now())).toLocaleString('en-US')} fixes/s`,
      `${busy} rides`,
      `${pickup} on the way to one`,
      `${available} free`,
      `${silent} silent`,
      `${offDuty} off duty`,
      ...(errors > 0 ? [`${errors} errors${fleet.lastError === undefined ? '' : ` (last: ${fleet.lastError})`}`] : []),
      ...(reconnects > 0 ? [`${reconnects} reconnects`] : []),
      ...(failed > 0 ? [`${failed} given up`] : []),
    ].join(' · ');
  };
}

if (import.meta.main) await runCommand(HELP, process.argv.slice(2), demo);
