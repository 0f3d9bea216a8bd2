import { randomBytes } from 'node:crypto';
import { readArguments, runCommand, UsageError } from '../command-line.ts';
import { loadConfig } from '../config.ts';
import { claimsSchema, SCOPES } from './principal.ts';
import { developmentSecret } from './secret.ts';
import { mintToken, type TokenClaims } from './tokens.ts';

const HELP = `Mints a token (HS256), signed with JWT_SECRET or, without it, with the development
key in DATA_DIR (./data; of 'npm run demo' it is DATA_DIR=./data/demo). It names the
issuer and the audience that JWT_ISSUER and JWT_AUDIENCE ask for.

  npm run token -- --sub SUBJECT --scope "SCOPE …" [options]

  --sub SUBJECT    who it is for; a driver's own token has its driverId here
  --scope SCOPES   what it allows, separated by spaces, of:
                     positions:read       ask and watch
                     positions:write      send positions as driver SUBJECT
                     positions:write:any  send positions as any driver (a gateway)
                     metrics:read         read /metrics, which is of all fleets
                     access:manage        revoke tokens, and end any share of the fleet
  --fleet FLEET    whose drivers it is about (default)
  --ttl SECONDS    until it expires (3600)
  --area LAT,LNG,RADIUS
                   nobody outside of this circle is seen with it; degrees and metres
  --precision N    everybody is seen at the centre of its H3 cell of this resolution,
                   0 to 15, and without heading, speed, altitude and accuracy
  --jti ID         names it, so that it can be revoked (a random one)
  --help

The token alone is printed: TOKEN=$(npm run -s token -- --sub me --scope positions:read)`;

/**
 * The token that the arguments of `npm run token` ask for, signed as the environment has it.
 *
 * @throws {UsageError}
 */
export function mintAsAsked(argv: readonly string[], env?: Parameters<typeof loadConfig>[0]): string {
  const names = ['sub', 'scope', 'fleet', 'ttl', 'area', 'precision', 'jti'];
  const { values, number } = readArguments(argv, { values: names });
  const { sub, scope, fleet, jti = randomBytes(12).toString('base64url') } = values;
  if (sub === undefined) throw new UsageError('--sub is required');
  if (scope === undefined) throw new UsageError('--scope is required');
  for (const one of scope.split(' ')) {
    if (!(SCOPES as readonly string[]).includes(one)) throw new UsageError(`--scope: '${one}' is not a scope`);
  }
  const ttlSeconds = number('ttl', 3600, { min: 1, whole: true });
  const precision = values.precision === undefined ? undefined : number('precision', 0, { max: 15, whole: true });
  const claims = { sub, scope, fleet, area: areaArgument(values.area), precision, jti };
  const checked = claimsSchema.safeParse({ ...claims, exp: ttlSeconds });
  if (!checked.success) {
    throw new UsageError(checked.error.issues.map(({ path, message }) => `--${path.join('.')}: ${message}`).join('; '));
  }
  const { jwtSecret, jwksUrl, jwtIssuer: iss, jwtAudience: aud, dataDir } = loadConfig(env);
  if (jwtSecret === undefined && jwksUrl !== undefined) {
    throw new UsageError('With a JWKS_URL and no JWT_SECRET tokens are made by their issuer alone');
  }
  return mintToken(jwtSecret ?? developmentSecret(dataDir), { ...claims, iss, aud, ttlSeconds });
}

/** A circle given as `lat,lng,radius`. @throws {UsageError} */
function areaArgument(text: string | undefined): TokenClaims['area'] {
  if (text === undefined) return undefined;
  const numbers = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (numbers.length !== 3 || numbers.some(Number.isNaN)) {
    throw new UsageError(`--area must be latitude,longitude,radius such as 40.7549,-73.984,5000, not '${text}'`);
  }
  const [latitude, longitude, radius] = numbers;
  return { latitude, longitude, radius };
}

async function mint(argv: readonly string[]): Promise<number> {
  console.log(mintAsAsked(argv));
  return 0;
}

if (import.meta.main) await runCommand(HELP, process.argv.slice(2), mint);
