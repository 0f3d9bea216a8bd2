import { type Arguments, placeArgument, readArguments, UsageError } from '../command-line.ts';
import { ANYWHERE, CITIES, cityNamed } from './cities.ts';
import { City, type CitySettings, MANHATTAN, MAX_CITY_RADIUS } from './city.ts';
import { readRoadFile } from './road-file.ts';
import type { Streets } from './streets.ts';

/** What `--help` prints. */
export const HELP = `Starts Nearcast with a fleet of simulated drivers in a city, and prints a link to watch it.

  npm run demo [-- options]

  --drivers N         drivers, each with a connection of its own (300)
  --gateways N        carry all drivers over N connections instead
  --interval S        seconds between two fixes of a driver (1)
  --silent SHARE      how many drivers send nothing at a time, 0 to 0.5 (0.03)
  --past MINUTES      what the drivers did before the start is in the history too (30); 0: nothing
  --city NAME         ${Object.keys(CITIES).slice(0, 6).join(', ')},
                      ${Object.keys(CITIES).slice(6).join(', ')}
  --city LAT,LNG      a city anywhere
  --bearing D         direction of its avenues, degrees from north
  --block-length M    metres between two streets
  --block-width M     metres between two avenues
  --radius M          metres from its centre to its edge
  --width M           metres from the first avenue to the last, for a city between waters; 0: none
  --roads FILE        drive on the lines of a GeoJSON file instead
  --map KIND          street: a map of the simulated streets; web: the default one of the web;
                      auto: street when that one cannot be reached from here (auto)
  --open              open the link in a browser
  --seed N            the same seed gives the same drivers (1)
  --port N            port of the server; 0 = any (PORT, else 8080)
  --data-dir DIR      where the demo's data and key are kept (./data/demo)
  --database-url URL  PostGIS to use instead of the embedded one
  --help

Demo data never mixes with other data: DATA_DIR and DATABASE_URL of the environment
are not used, nor are JWKS_URL, JWT_ISSUER and JWT_AUDIENCE. All other settings are (see
.env.example); without a LOG_LEVEL only warnings are logged, without a DRIVER_TTL_SECONDS
a driver is stale after 60.
Ctrl-C ends it. Exit code: 0, or the server's when it cannot start.`;

const MAPS = ['auto', 'street', 'web'] as const;
const GRID = ['bearing', 'block-length', 'block-width', 'radius', 'width'] as const;

/** What a demo was asked for. */
export interface DemoOptions {
  readonly port: string | undefined;
  readonly dataDir: string;
  readonly databaseUrl: string | undefined;
  readonly map: (typeof MAPS)[number];
  readonly opens: boolean;
  readonly streets: Streets;
  readonly drivers: number;
  readonly seed: number;
  /** 0 … 0.5 */
  readonly silent: number;
  /** Minutes. */
  readonly past: number;
  readonly gateways: number;
  /** Seconds. */
  readonly interval: number;
}

/** Reads the arguments of the demo, and the file of roads. @throws {UsageError} */
export async function readDemoOptions(argv: readonly string[]): Promise<DemoOptions> {
  const given = readArguments(argv, {
    values: [
      'drivers',
      'gateways',
      'interval',
      'silent',
      'past',
      'city',
      ...GRID,
      'roads',
      'map',
      'seed',
      'port',
      'data-dir',
      'database-url',
    ],
    flags: ['open'],
  });
  const { values, flags, number } = given;
  // An empty one would be the server's own data.
  if (values['data-dir'] === '') throw new UsageError('--data-dir must name a directory');
  if (values.port !== undefined) number('port', 0, { max: 65_535, whole: true });
  const map = MAPS.find((kind) => kind === (values.map ?? 'auto'));
  if (map === undefined) throw new UsageError(`--map must be one of ${MAPS.join(', ')}, not '${values.map}'`);
  return {
    port: values.port,
    dataDir: values['data-dir'] ?? './data/demo',
    databaseUrl: values['database-url'],
    map,
    opens: flags.has('open'),
    drivers: number('drivers', 300, { min: 1, max: 100_000, whole: true }),
    gateways: number('gateways', 0, { max: 1000, whole: true }),
    interval: number('interval', 1, { min: 0.05, max: 3600 }),
    seed: number('seed', 1, { whole: true }),
    silent: number('silent', 0.03, { max: 0.5 }),
    past: number('past', 30, { max: 1440 }),
    streets: await readStreets(given),
  };
}

async function readStreets({ values, number }: Arguments): Promise<Streets> {
  if (values.roads !== undefined) {
    const other = (['city', ...GRID] as const).find((name) => values[name] !== undefined);
    if (other !== undefined) throw new UsageError(`--roads says where the streets are: it goes without --${other}`);
    return readRoadFile(values.roads);
  }
  const city = readCity(values.city);
  const radius = number('radius', city.radius, { max: MAX_CITY_RADIUS });
  const width = number('width', city.width ?? 0);
  try {
    return new City({
      lat: city.lat,
      lng: city.lng,
      radius,
      // No waters, unless they are asked for or known of.
      width: width === 0 ? undefined : width,
      bearing: number('bearing', city.bearing, { min: -360, max: 360 }),
      blockLength: number('block-length', city.blockLength, { min: 10 }),
      blockWidth: number('block-width', city.blockWidth, { min: 10 }),
    });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UsageError(error.message);
  }
}

function readCity(text: string | undefined): CitySettings {
  if (text === undefined) return MANHATTAN;
  if (/\d/.test(text)) return { ...ANYWHERE, ...placeArgument('city', text) };
  const city = cityNamed(text);
  if (city !== undefined) return city;
  throw new UsageError(`--city must be latitude,longitude or one of ${Object.keys(CITIES).join(', ')}, not '${text}'`);
}
