import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mintToken } from '../src/auth/tokens.ts';
import { readArguments } from '../src/command-line.ts';
import { seededRandom } from '../src/sim/random.ts';
import { Child } from './child.ts';
import { columns, times } from './columns.ts';
import { FrameClient } from './frame-client.ts';
import { city } from './places.ts';
import type { EchoOptions } from './servers/echo.ts';
import type { NearcastOptions } from './servers/nearcast.ts';
import type { Listening, ServerRequest, ServerWeight } from './servers/serve.ts';
import { count, machine } from './table.ts';

export const HELP = `Connections that are open and say nothing, each with a subscription: what does one hold of the server's
memory, next to one of a bare ws server and one of @fastify/websocket?

  npm run bench -- idle [options]

  --quick      2,000 sockets
  --sockets N  connections to each server (10000)
  --heap       writes a heap snapshot of each server, and says where
  --seed N     the same seed gives the same circles (1)
  --help

Each server is a process of its own. Some sockets are opened first, so that code and buffers are there; then memory is
taken before and after the others, with the garbage collected.
Exit code: 0, or 1 when a socket does not get what it asked for, or is closed.`;

/** Sockets before the first look. */
const WARM_UP = 500;
/** Connections being opened at the same time. */
const OPENING = 50;
const RADII = [250, 500, 1000, 2000];
/** Bytes of RSS for each socket that are aimed at. */
const AIM = 12_000;
/** Files that a process has open beside its sockets. */
const OTHER_FILES = 100;
const DAY = 86_400;

interface Line {
  readonly name: string;
  readonly before: ServerWeight;
  readonly after: ServerWeight;
}

/** Runs the bench. */
export async function run(argv: readonly string[]): Promise<number> {
  const { flags, number } = readArguments(argv, { values: ['sockets', 'seed'], flags: ['quick', 'heap'] });
  const sockets = number('sockets', flags.has('quick') ? 2000 : 10_000, { min: 1, max: 25_000, whole: true });
  const seed = number('seed', 1, { whole: true });
  const files = fileLimit();
  if (files < sockets + WARM_UP + OTHER_FILES) {
    console.error(
      `A process may have ${files} files open here, too few for ${sockets} sockets: raise the limit (ulimit -Hn), or ask for fewer with --sockets.`,
    );
    return 1;
  }
  const secret = randomBytes(32).toString('hex');
  const nearcast: NearcastOptions = { secret, store: { kind: 'memory' } };
  const contestants: [name: string, module: string, options: unknown][] = [
    ['bare ws', 'servers/echo.ts', { kind: 'ws' } satisfies EchoOptions],
    ['@fastify/websocket', 'servers/echo.ts', { kind: 'fastify' } satisfies EchoOptions],
    ['Nearcast, connected', 'servers/nearcast.ts', nearcast],
    ['Nearcast, subscribed', 'servers/nearcast.ts', nearcast],
  ];
  try {
    const lines: Line[] = [];
    for (const [name, module, options] of contestants) {
      console.error(`${name} …`);
      const messages = name === 'Nearcast, connected' ? pings() : subscriptions(seed);
      const heap = flags.has('heap') ? `${name.replace(/\W+/g, '-').toLowerCase()}.heapsnapshot` : undefined;
      lines.push({ name, ...(await weigh(module, options, secret, sockets, messages, heap)) });
    }
    console.log(
      [
        `Idle: ${machine()}`,
        `${count(sockets)} sockets to each server, bearer tokens of a subject each, seed ${seed}`,
        '',
        report(lines, sockets),
      ].join('\n'),
    );
    return 0;
  } catch (error) {
    console.error((error as Error).message);
    return 1;
  }
}

/** Opens sockets that each send a message and hear an answer, and takes the server's weight before and after. */
async function weigh(
  module: string,
  options: unknown,
  secret: string,
  sockets: number,
  messages: Iterator<string, never>,
  heap: string | undefined,
): Promise<Omit<Line, 'name'>> {
  const server = await Child.start<ServerRequest, Listening>(module, options, ['--expose-gc']);
  const clients: FrameClient[] = [];
  const closed: string[] = [];
  try {
    const open = async (n: number): Promise<void> => {
      const token = mintToken(secret, { sub: `watcher-${n}`, scope: 'positions:read', ttlSeconds: DAY });
      let heard: (text: string) => void = () => undefined;
      const answer = new Promise<string>((resolve) => {
        heard = resolve;
      });
      const client = await FrameClient.open(
        server.ready.port,
        '/ws',
        { authorization: `Bearer ${token}` },
        { text: heard, closed: (why) => closed.push(why) },
      );
      clients.push(client);
      client.send(messages.next().value);
      const text = await answer;
      if (text.startsWith('{"type":"error"')) throw new Error(`a socket got an error: ${text}`);
    };
    let n = 0;
    const openUntil = (end: number) =>
      Promise.all(
        Array.from({ length: OPENING }, async () => {
          while (n < end) await open(n++);
        }),
      );
    await openUntil(WARM_UP);
    const before = await server.ask<ServerWeight>({ do: 'weigh' });
    await openUntil(WARM_UP + sockets);
    const after = await server.ask<ServerWeight>({ do: 'weigh' });
    if (closed.length > 0) throw new Error(`${closed.length} sockets were closed: ${closed[0]}`);
    if (heap !== undefined) {
      const file = join(mkdtempSync(join(tmpdir(), 'nearcast-heap-')), heap);
      await server.ask({ do: 'write heap', file });
      console.error(file);
    }
    return { before, after };
  } finally {
    await server.stop();
    for (const client of clients) client.close();
  }
}

/** Subscriptions to circles in a city. */
function* subscriptions(seed: number): Generator<string, never> {
  const random = seededRandom(seed);
  const distribution = city();
  for (let n = 0; ; n++) {
    const [latitude, longitude] = distribution.place(random);
    yield JSON.stringify({
      type: 'subscribe',
      subscription: 'w',
      latitude,
      longitude,
      radius: RADII[n % RADII.length],
    });
  }
}

function* pings(): Generator<string, never> {
  for (;;) yield '{"type":"ping"}';
}

function report(lines: readonly Line[], sockets: number): string {
  const each = ({ before, after }: Line, of: keyof ServerWeight) => (after[of] - before[of]) / sockets;
  const [bare, fastify] = lines;
  const rows = lines.map((line) => [
    line.name,
    count(each(line, 'rss')),
    count(each(line, 'packed')),
    count(each(line, 'heap')),
    count(each(line, 'external')),
    line === bare ? '' : times(each(line, 'packed') / each(bare, 'packed')),
    line === bare || line === fastify ? '' : times(each(line, 'packed') / each(fastify, 'packed')),
    `${(line.before.rss / 2 ** 20).toFixed(0)} MB`,
    `${(line.after.rss / 2 ** 20).toFixed(0)} MB`,
  ]);
  const heads = ['bytes a socket', 'RSS', 'packed', 'heap', 'external', 'of bare', 'of Fastify', 'RSS before', 'after'];
  return [
    columns([heads], rows, 1),
    '',
    `RSS: what the process has of the machine's memory, after collections as they happen, which leave holes where the`,
    `handshakes were; packed: once V8 has given back all that it can (aim: ${count(AIM)} a socket; the ratios are of this). heap:`,
    `JavaScript objects; external: buffers. All with ${count(WARM_UP)} sockets open before. connected: authenticated, and no more;`,
    'subscribed: a circle of 250 m to 2 km each, all over a city in which nobody drives.',
  ].join('\n');
}

/** How many files a process may have open: Node raises what it may raise by itself. */
function fileLimit(): number {
  const hard = execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim();
  return hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard);
}
