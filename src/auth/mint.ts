import { readArguments, runCommand, UsageError } from '../command-line.ts';
import { loadConfig } from '../config.ts';
import { claimsSchema, SCOPES } from './principal.ts';
import { developmentSecret } from './secret.ts';
import { mintToken } from './tokens.ts';

const HELP = `Mints a token (HS256), signed with JWT_SECRET or, without it, with the development
key in DATA_DIR (./data; of 'npm run demo' it is DATA_DIR=./data/demo).

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
  --help

The token alone is printed: TOKEN=$(npm run -s token -- --sub me --scope positions:read)`;

async function mint(argv: readonly string[]): Promise<number> {
  const { values, number } = readArguments(argv, { values: ['sub', 'scope', 'fleet', 'ttl'] });
  const { sub, scope, fleet } = values;
  if (sub === undefined) throw new UsageError('--sub is required');
  if (scope === undefined) throw new UsageError('--scope is required');
  for (const one of scope.split(' ')) {
    if (!(SCOPES as readonly string[]).includes(one)) throw new UsageError(`--scope: '${one}' is not a scope`);
  }
  const ttlSeconds = number('ttl', 3600, { min: 1, whole: true });
  const claims = claimsSchema.safeParse({ sub, scope, fleet, exp: ttlSeconds });
  if (!claims.success) {
    throw new UsageError(claims.error.issues.map(({ path, message }) => `--${path.join('.')}: ${message}`).join('; '));
  }
  const config = loadConfig();
  const secret = config.jwtSecret ?? developmentSecret(config.dataDir);
  console.log(mintToken(secret, { sub, scope, fleet, ttlSeconds }));
  return 0;
}

if (import.meta.main) await runCommand(HELP, process.argv.slice(2), mint);
