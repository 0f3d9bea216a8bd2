/** Where a Redis server is. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

/** What a REDIS_URL means. */
export interface RedisTarget {
  /** One server, or some nodes of a cluster, which name the others. */
  readonly seeds: readonly RedisAddress[];
  readonly isTls: boolean;
  readonly username?: string;
  readonly password?: string;
}

const DEFAULT_PORT = 6379;
/** More are of no use: one that answers is enough. */
const MAX_SEEDS = 100;

const FORM =
  'must be a URL such as redis://user:password@host:6379 or rediss://host; several nodes of a cluster by commas';

const COMMA = 'a comma in a password is written %2C';

/** How an address is written, and told apart from others. */
export function nameOf({ host, port }: RedisAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The rule that a REDIS_URL breaks; it never quotes what may be a password. */
export function faultOfRedisUrl(text: string): string | undefined {
  const target = read(text);
  return typeof target === 'string' ? target : undefined;
}

/**
 * Reads a REDIS_URL: `redis://` or `rediss://` (TLS), `user:password@`, host and port; then, after commas, further nodes of
 * the same cluster, as `host:port` or as URLs again.
 *
 * @throws TypeError that says which rule is broken
 */
export function parseRedisUrl(text: string): RedisTarget {
  const target = read(text);
  if (typeof target === 'string') throw new TypeError(`REDIS_URL ${target}`);
  return target;
}

/** What the text means, or the rule that it breaks. */
function read(text: string): RedisTarget | string {
  const parts = text.split(',').map((part) => part.trim());
  if (parts.length > MAX_SEEDS) return `must name at most ${MAX_SEEDS} nodes`;
  const first = readUrl(parts[0]);
  // A comma in a password ends up here too, or among the further nodes.
  if (typeof first === 'string') return parts.length === 1 ? first : `${first}; ${COMMA}`;
  const seeds = [...first.seeds];
  for (const part of parts.slice(1)) {
    const next = readUrl(/^rediss?:\/\//.test(part) ? part : `${first.isTls ? 'rediss' : 'redis'}://${part}`);
    if (typeof next === 'string') return `${next}; ${COMMA}`;
    if (next.isTls !== first.isTls) return 'must have redis:// or rediss:// for all its nodes';
    const isBare = next.username === undefined && next.password === undefined;
    if (!isBare && (next.username !== first.username || next.password !== first.password)) {
      return 'must have the same user and password for all its nodes';
    }
    seeds.push(...next.seeds);
  }
  return { ...first, seeds };
}

function readUrl(text: string): RedisTarget | string {
  const url = /^rediss?:\/\//.test(text) ? URL.parse(text) : null;
  if (url === null || url.port === '0') return FORM;
  if (url.search !== '' || url.hash !== '') return 'must have nothing after the host and port';
  if (!/^\/?0?$/.test(url.pathname)) return 'must name no database but 0: channels belong to none';
  // Outside brackets it would be taken for a port.
  const host = decoded(url.hostname.replace(/^\[(.*)\]$/, '$1'));
  if (host === undefined || !/^[^\s/?#@%]+$/.test(host)) return FORM;
  const username = decoded(url.username);
  const password = decoded(url.password);
  if (username === undefined || password === undefined) return 'must have a user and password that are percent-encoded';
  if (username !== '' && password === '') return 'must have a password for its user';
  return {
    seeds: [{ host, port: url.port === '' ? DEFAULT_PORT : Number(url.port) }],
    isTls: url.protocol === 'rediss:',
    ...(username === '' ? {} : { username }),
    ...(password === '' ? {} : { password }),
  };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
