import type { Random } from '../support/random.ts';
import type { RequestCase } from './case.ts';
import { type Operation, operations } from './contract.ts';
import { bytesOf, garble, mutate, write } from './mutate.ts';
import { nasty, nastyString } from './nasty.ts';
import { sample } from './sample.ts';

const OTHER_METHODS = ['HEAD', 'PUT', 'PATCH', 'OPTIONS', 'DELETE', 'POST', 'GET', 'TRACE', 'PROPFIND', 'QUERY'];
const OTHER_TYPES = [
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'application/json; charset=utf-16',
  'application/json;charset=utf-8',
  'APPLICATION/JSON',
  'application/geo+json',
  'application/xml',
  'x',
  '',
];
const OTHER_ACCEPTS = ['*/*', 'text/html', 'application/geo+json;q=0', 'a/b;q=2', ',;q=,', '*', 'x'.repeat(2000)];
/** Headers that servers look at, or proxies. */
const OTHER_HEADERS = [
  'accept-encoding',
  'content-encoding',
  'cookie',
  'expect',
  'forwarded',
  'if-none-match',
  'last-event-id',
  'origin',
  'range',
  'te',
  'upgrade',
  'x-forwarded-for',
  'x-http-method-override',
  'x-request-id',
];
/** Whose tokens come, as often as each is to. */
export const CALLERS = [
  ...Array(12).fill('all'),
  'reader',
  'driver',
  'bounded',
  'coarse',
  'elsewhere',
  'share',
  'brief',
];

/** A request to one of the contract's operations, in which something may be wrong. */
export function requestCase(random: Random): RequestCase {
  return requestOf(random.pick(operations), random);
}

/** A request to an operation. */
export function requestOf(operation: Operation, random: Random): RequestCase {
  let { method } = operation;
  let path = operation.path.replace(/\{(\w+)\}/g, (_, name) => {
    const value = sample(operation.pathParameters.properties?.[name] ?? {}, random, name);
    return percentEncode(random.below(10) === 0 ? nastyString(random) || 'x' : String(value));
  });
  const query = queryOf(operation.query, random);
  if (random.below(30) === 0) {
    path = garble(path, random).replace(/[\s?#]/g, '') || '/';
  }
  if (random.below(20) === 0) {
    method = random.pick(OTHER_METHODS);
  }
  const headers: [string, string][] = [];
  if (random.below(40) !== 0) headers.push(['authorization', `Bearer @token:${random.pick(CALLERS)}@`]);
  if (random.below(3) === 0) headers.push(['accept', acceptOf(operation, random)]);
  for (const [name, schema] of Object.entries(operation.headers.properties ?? {})) {
    if (random.below(3) === 0) headers.push([name, headerValue(String(sample(schema, random, name)))]);
  }
  if (random.below(15) === 0) headers.push(oddHeader(random));
  let body: string | undefined;
  if (operation.bodies.length > 0 || random.below(40) === 0) {
    const { type, schema } = random.pick(operation.bodies) ?? { type: 'application/json', schema: {} };
    let value = sample(schema, random);
    while (random.below(5) < 3) value = mutate(value, random);
    body = bytesOf(write(value));
    if (random.below(12) === 0) body = garble(body, random);
    if (random.below(60) === 0) body = body.padEnd(random.pick([1_048_576, 1_048_577]), ' ');
    headers.push(['content-type', random.below(15) === 0 ? random.pick(OTHER_TYPES) : type]);
  }
  return {
    kind: 'request',
    method,
    target: path + query,
    headers,
    body,
    chunked: body !== undefined && random.below(15) === 0 ? true : undefined,
  };
}

/** A query string, with its question mark. */
export function queryOf(schema: Operation['query'], random: Random): string {
  let query = sample(schema, random) as unknown;
  if (random.below(4) === 0)
    query = { ...(query as object), 'attributes.status': random.below(3) === 0 ? nastyString(random) : 'available' };
  while (random.below(5) < 2) query = mutate(query, random);
  const pairs =
    typeof query === 'object' && query !== null && !Array.isArray(query)
      ? Object.entries(query).flatMap(([name, value]) => pairsOf(name, value, random))
      : [percentEncode(write(query))];
  if (random.below(300) === 0) pairs.push(...Array.from({ length: 2000 }, (_, i) => `a${i}=`));
  if (random.below(60) === 0)
    pairs.push(random.pick(['&&&', '=', '==', '%', '%zz=1', '__proto__[a]=1', ';', '#', '?']));
  const text = pairs.length === 0 ? '' : `?${pairs.join('&')}`;
  if (random.below(25) !== 0) return text;
  return garble(text, random)
    .replace(/[\s\0]/g, '')
    .slice(0, 30_000);
}

function pairsOf(name: string, value: unknown, random: Random): string[] {
  const key = percentEncode(name);
  if (Array.isArray(value)) return value.slice(0, 200).map((one) => `${key}=${percentEncode(plain(one))}`);
  if (typeof value === 'object' && value !== null && random.below(3) === 0) {
    return Object.entries(value).map(([inner, own]) => `${key}[${percentEncode(inner)}]=${percentEncode(plain(own))}`);
  }
  const pair = `${key}=${percentEncode(plain(value))}`;
  return random.below(25) === 0 ? [pair, pair] : [pair];
}

function plain(value: unknown): string {
  return typeof value === 'string' ? value : write(value);
}

/** Percent-encodes as a URL has it; lone surrogates too, and placeholders stay. */
export function percentEncode(text: string): string {
  return encodeURIComponent(text.slice(0, 12_000).toWellFormed()).replace(/%40([a-z:]+)%40/g, '@$1@');
}

function acceptOf({ answers }: Operation, random: Random): string {
  const types = [...(answers.get(200)?.keys() ?? []), 'application/geo+json', 'text/csv'];
  return random.below(4) === 0 ? random.pick(OTHER_ACCEPTS) : random.pick(types);
}

function oddHeader(random: Random): [string, string] {
  if (random.below(10) === 0) return ['x-long', 'x'.repeat(random.pick([8_000, 17_000, 100_000]))];
  const value = nasty(random);
  return [random.pick(OTHER_HEADERS), headerValue(plain(value))];
}

/** What would end a header is for the cases that are bytes. */
export function headerValue(text: string): string {
  return bytesOf(text.slice(0, 4_000)).replace(/[^\x20-\x7e\x80-\xff]/g, '');
}
