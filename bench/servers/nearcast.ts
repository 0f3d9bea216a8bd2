// Nearcast in a process of its own, with the store that the bench asks for.
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { buildApp } from '../../src/app.ts';
import { parseRedisUrl } from '../../src/bus/redis-url.ts';
import { loadConfig } from '../../src/config.ts';
import { encodePosition } from '../../src/protocol/position.ts';
import { GroupCommit } from '../../src/store/group-commit.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { MemoryAccess } from '../../src/store/memory-access.ts';
import { MemoryCutOffs } from '../../src/store/memory-cut-offs.ts';
import { MemoryPositions } from '../../src/store/memory-positions.ts';
import { type OpenedStore, openStore } from '../../src/store/open.ts';
import { StreamedStore } from '../../src/store/streamed.ts';
import { FixStream } from '../../src/stream/fix-stream.ts';
import { RedisLog } from '../../src/stream/redis-log.ts';
import { Tracker } from '../../src/tracker.ts';
import { optionsOfParent } from '../in-child.ts';
import { LIMITS } from './limits.ts';
import { serve } from './serve.ts';

/** What to serve with. */
export interface NearcastOptions {
  readonly secret: string;
  /** What acknowledged fixes are in; `postgis` needs the URL of a database, `embedded` a directory. */
  readonly store: { readonly kind: 'memory' | 'postgis' | 'embedded'; readonly url?: string; readonly dir?: string };
  /** The URL of a Redis server with a stream that what is stored is told on to. */
  readonly stream?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** As in main.ts, milliseconds. */
const EXPIRY_INTERVAL = 1_000;

const options = optionsOfParent<NearcastOptions>();
const log = pino({ level: 'warn' }, pino.destination(2));
const { store, close } = await open(options.store);
const stream =
  options.stream === undefined
    ? undefined
    : new FixStream({
        log: new RedisLog({ target: parseRedisUrl(options.stream), key: 'bench', maxLength: 100_000 }),
        onTrouble: (error) => log.error({ err: error }, 'stream'),
      });
const writer = new GroupCommit({
  store: stream === undefined ? store : new StreamedStore(store, stream),
  onRejected: (_row, error) => log.error({ err: error }, 'rejected'),
  onAvailability: (error) => log.error({ err: error }, 'availability'),
});
const config = loadConfig({ JWT_SECRET: options.secret, ...LIMITS, ...options.env });
const tracker = new Tracker({
  writer,
  now: Date.now,
  instance: 'benchmrk',
  encode: encodePosition,
  ttlSeconds: config.driverTtlSeconds,
  maxFutureSeconds: config.maxFutureSeconds,
});
const app = await buildApp({ config, secret: options.secret, tracker, ready: async () => 'ok', now: Date.now, log });
setInterval(() => tracker.expire(), EXPIRY_INTERVAL);
await app.listen({ host: '127.0.0.1', port: 0 });
serve((app.server.address() as AddressInfo).port, async () => {
  writer.close();
  // The one store that has something to put in order.
  if (options.store.kind === 'embedded') await close();
});

async function open({ kind, url, dir = '' }: NearcastOptions['store']): Promise<OpenedStore> {
  if (kind !== 'memory') return openStore({ databaseUrl: url, dataDir: dir, retentionDays: 7 });
  const memory = new MemoryStore();
  const positions = new MemoryPositions(memory);
  const cutOffs = new MemoryCutOffs(Date.now);
  return { store: memory, positions, access: new MemoryAccess(), cutOffs, close: () => memory.close() };
}
