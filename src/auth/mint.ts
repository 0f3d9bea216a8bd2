import { parseArgs } from 'node:util';
import { ConfigError, loadConfig } from '../config.ts';
import { claimsSchema, SCOPES } from './principal.ts';
import { developmentSecret } from './secret.ts';
import { mintToken } from './tokens.ts';

const HELP = `Mints a token (HS256), signed with JWT_SECRET or, without it, with the development secret in DATA_DIR.

npm run token -- --sub SUBJECT --scope "SCOPE …" [--fleet FLEET] [--ttl SECONDS]

  --sub    who it is for; a driver's token must have its driverId here
  --scope  what it allows, separated by spaces, of:
             positions:read       ask and watch
             positions:write      send positions as driver SUBJECT
             positions:write:any  send positions as any driver (a gateway)
             metrics:read         read metrics
  --fleet  whose drivers it is about (default: "default")
  --ttl    seconds until it expires (default: 3600)

The token alone is printed: TOKEN=$(npm run -s token -- --sub me --scope positions:read)`;

/** Says what is wrong and gives up; 64 is EX_USAGE. */
function fail(message: string): never {
  console.error(`${message}\n\n${HELP}`);
  process.exit(64);
}

let options: { sub?: string; scope?: string; fleet?: string; ttl: string; help: boolean };
try {
  options = parseArgs({
    options: {
      sub: { type: 'string' },
      scope: { type: 'string' },
      fleet: { type: 'string' },
      ttl: { type: 'string', default: '3600' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  }).values;
} catch (error) {
  fail((error as Error).message);
}
if (options.help) {
  console.log(HELP);
  process.exit(0);
}
const { sub, scope, fleet } = options;
if (sub === undefined) fail('--sub is required.');
if (scope === undefined) fail('--scope is required.');
for (const one of scope.split(' ')) {
  if (!(SCOPES as readonly string[]).includes(one)) fail(`--scope: "${one}" is not a scope.`);
}
const ttlSeconds = Number(options.ttl);
if (!(Number.isSafeInteger(ttlSeconds) && ttlSeconds > 0)) fail('--ttl must be a whole number of seconds above 0.');
const claims = claimsSchema.safeParse({ sub, scope, fleet, exp: 1 });
if (!claims.success) {
  fail(claims.error.issues.map(({ path, message }) => `--${path.join('.')}: ${message}`).join('\n'));
}
try {
  const config = loadConfig();
  console.log(mintToken(config.jwtSecret ?? developmentSecret(config.dataDir), { sub, scope, fleet, ttlSeconds }));
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  console.error(error.message);
  process.exit(78);
}
