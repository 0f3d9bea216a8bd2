import { randomUUID } from 'node:crypto';
import { developmentSecret } from '../auth/secret.ts';
import { mintToken } from '../auth/tokens.ts';
import { placeArgument, readArguments, runCommand, UsageError } from '../command-line.ts';
import { loadConfig } from '../config.ts';
import { City, MANHATTAN, MAX_CITY_RADIUS } from './city.ts';
import { Fleet } from './fleet.ts';
import { Rate } from './rate.ts';
import { ServerEnded, startServer } from './server-process.ts';
import { StatusLine } from './status-line.ts';

const HELP = `Starts Nearcast with a fleet of simulated drivers in a city.

  npm run demo [-- options]

  --drivers N         drivers, each with a connection of its own (300)
  --gateways N        carry all drivers over N connections instead
  --interval S        seconds between two fixes of a driver (1)
  --center LAT,LNG    centre of the city (${MANHATTAN.lat},${MANHATTAN.lng})
  --radius M          metres from the centre to the edge of the city (${MANHATTAN.radius})
  --width M           metres from the first avenue to the last
                      (${MANHATTAN.width}; twice the radius when --center is given)
  --bearing D         direction of the avenues, degrees from north (${MANHATTAN.bearing})
  --block-length M    metres between two streets (${MANHATTAN.blockLength})
  --block-width M     metres between two avenues (${MANHATTAN.blockWidth})
  --seed N            the same seed gives the same drivers (1)
  --port N            port of the server; 0 = any (PORT, else 8080)
  --data-dir DIR      where the demo's data and key are kept (./data/demo)
  --database-url URL  PostGIS to use instead of the embedded one
  --help

Demo data never mixes with other data: DATA_DIR and DATABASE_URL of the environment
are not used, nor are JWKS_URL, JWT_ISSUER and JWT_AUDIENCE. All other settings are (see
.env.example); without a LOG_LEVEL only warnings are logged.
Ctrl-C ends it. Exit code: 0, or the server's when it cannot start.`;

const DAY = 86_400;

async function demo(argv: readonly string[]): Promise<number> {
  const options = readOptions(argv);
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    DATA_DIR: options.dataDir,
    DATABASE_URL: options.databaseUrl,
    JWKS_URL: undefined,
    JWT_ISSUER: undefined,
    JWT_AUDIENCE: undefined,
    // All its drivers come from one address.
    MAX_HANDSHAKES_PER_MINUTE: process.env.MAX_HANDSHAKES_PER_MINUTE || '0',
    // Hundreds that connect would scroll away what is printed for people.
    LOG_LEVEL: process.env.LOG_LEVEL || 'warn',
    ...(options.port === undefined ? {} : { PORT: options.port }),
  };
  const config = loadConfig(env);
  const secret = config.jwtSecret ?? developmentSecret(config.dataDir);
  // With a secret given, the server keeps its own sample commands to itself.
  env.JWT_SECRET = secret;
  const interrupted = new Promise<'interrupted'>((resolve) => {
    // Kept until the end: a second Ctrl-C must not leave the server behind.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => resolve('interrupted'));
  });
  const server = startServer(env, (line) => console.log(line));
  let fleet: Fleet | undefined;
  let status: StatusLine | undefined;
  try {
    const url = await Promise.race([server.ready, interrupted]);
    if (url === 'interrupted') return 0;
    const socketUrl = `${url.replace(/^http/, 'ws')}/ws`;
    fleet = new Fleet({
      ...options.fleet,
      url: socketUrl,
      token: (sub, scope) => mintToken(secret, { sub, scope, ttlSeconds: DAY }),
    });
    console.log(
      invitation(
        url,
        socketUrl,
        options.fleet.city,
        mintToken(secret, {
          sub: 'demo',
          scope: 'positions:read positions:write:any access:manage',
          ttlSeconds: DAY,
          jti: randomUUID(),
        }),
      ),
    );
    status = new StatusLine(summary(fleet), 10);
    fleet.start();
    const end = await Promise.race([server.ended, interrupted]);
    if (end === 'interrupted') return 0;
    status.above(`The server ended by itself, with exit code ${end}.`);
    return end || 1;
  } catch (error) {
    if (!(error instanceof ServerEnded)) throw error;
    // It has printed why.
    return error.exitCode || 1;
  } finally {
    status?.stop();
    await fleet?.stop();
    await server.stop();
  }
}

function readOptions(argv: readonly string[]) {
  const { values, number } = readArguments(argv, {
    values: [
      'drivers',
      'gateways',
      'interval',
      'center',
      'radius',
      'width',
      'bearing',
      'block-length',
      'block-width',
      'seed',
      'port',
      'data-dir',
      'database-url',
    ],
  });
  if (values.port !== undefined) number('port', 0, { max: 65_535, whole: true });
  const radius = number('radius', MANHATTAN.radius, { max: MAX_CITY_RADIUS });
  return {
    port: values.port,
    dataDir: values['data-dir'] ?? './data/demo',
    databaseUrl: values['database-url'],
    fleet: {
      city: readCity({
        ...placeArgument('center', values.center, MANHATTAN),
        radius,
        // Only Midtown lies between two rivers.
        width: number('width', values.center === undefined ? (MANHATTAN.width ?? 2 * radius) : 2 * radius),
        bearing: number('bearing', MANHATTAN.bearing, { min: -360, max: 360 }),
        blockLength: number('block-length', MANHATTAN.blockLength, { min: 10 }),
        blockWidth: number('block-width', MANHATTAN.blockWidth, { min: 10 }),
      }),
      drivers: number('drivers', 300, { min: 1, max: 100_000, whole: true }),
      gateways: number('gateways', 0, { max: 1000, whole: true }),
      interval: number('interval', 1, { min: 0.05, max: 3600 }),
      seed: number('seed', 1, { whole: true }),
    },
  };
}

function readCity(settings: ConstructorParameters<typeof City>[0]): City {
  try {
    return new City(settings);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function invitation(url: string, socketUrl: string, city: City, token: string): string {
  const circle = `latitude=${city.settings.lat}&longitude=${city.settings.lng}&radius=1000`;
  const header = '-H "Authorization: Bearer $TOKEN"';
  return `
Simulated drivers move through the city. First, in the terminal you paste into:

  export TOKEN=${token}

Who is near its centre?

  curl '${url}/v1/drivers/nearby?${circle}' ${header}

Watch that circle, with any of these:

  curl -N '${url}/v1/stream?${circle}' ${header}
  npx -y wscat ${header} -c '${socketUrl}?${circle}'
  websocat -H="Authorization: Bearer $TOKEN" '${socketUrl}?${circle}'

The API: ${url}/docs
Ctrl-C ends the demo.
`;
}

function summary(fleet: Fleet): () => string {
  const rate = new Rate(performance.now());
  return () => {
    const { sent, errors, reconnects, failed } = fleet.counts;
    const connections =
      fleet.connections === fleet.drivers.length ? '' : ` over ${fleet.connected} of ${fleet.connections} connections`;
    const drivers =
      connections === '' ? `${fleet.connected} of ${fleet.drivers.length} drivers` : `${fleet.drivers.length} drivers`;
    return [
      `${drivers}${connections}`,
      `${Math.round(rate.update(sent, performance.now())).toLocaleString('en-US')} fixes/s`,
      `${errors} errors${fleet.lastError === undefined ? '' : ` (last: ${fleet.lastError})`}`,
      ...(reconnects > 0 ? [`${reconnects} reconnects`] : []),
      ...(failed > 0 ? [`${failed} given up`] : []),
    ].join(' · ');
  };
}

if (import.meta.main) await runCommand(HELP, process.argv.slice(2), demo);
