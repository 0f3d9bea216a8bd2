import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { buildApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';
import { Overload } from '../../src/overload/overload.ts';
import { watchLoad } from '../../src/overload/watch.ts';
import { encodePosition } from '../../src/protocol/position.ts';
import { GroupCommit } from '../../src/store/group-commit.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { Tracker } from '../../src/tracker.ts';

/*
 * A server in a process of its own, which its parent can keep really busy and whose heap it can really fill:
 * node busy-server.ts <settings as JSON> [milliseconds that a full collection's result holds]
 */

/** What the parent can ask for. */
export type Trouble =
  | { readonly kind: 'busy' /** Milliseconds of each turn. */; readonly turn: number }
  | { readonly kind: 'full' /** Of live objects. */; readonly megabytes: number }
  | { readonly kind: 'calm' };

/** It calms down by itself, so that nothing is left running when the parent fails. Milliseconds. */
const PATIENCE = 45_000;

const config = loadConfig(JSON.parse(process.argv[2]));
const overload =
  process.argv[3] === undefined
    ? undefined
    : new Overload({ lag: config.maxLagMilliseconds, heapPercent: config.maxHeapPercent }, Number(process.argv[3]));
const writer = new GroupCommit({ store: new MemoryStore(), onRejected: () => {} });
const tracker = new Tracker({
  writer,
  now: Date.now,
  instance: 'busy',
  encode: encodePosition,
  ttlSeconds: config.driverTtlSeconds,
  maxFutureSeconds: config.maxFutureSeconds,
});
const app = await buildApp({
  config,
  secret: config.jwtSecret as string,
  tracker,
  ready: async () => 'ok',
  now: Date.now,
  log: pino({ level: 'silent' }),
  overload,
});
await app.listen({ host: '127.0.0.1', port: 0 });
if (overload !== undefined) watchLoad(overload);

let stop = () => {};
process.on('disconnect', () => process.exit());
process.on('message', (trouble: Trouble) => {
  stop();
  stop = trouble.kind === 'busy' ? work(trouble.turn) : trouble.kind === 'full' ? fill(trouble.megabytes) : () => {};
});
process.send?.((app.server.address() as AddressInfo).port);

/** Every turn of the event loop takes this long. */
function work(turn: number): () => void {
  const until = performance.now() + PATIENCE;
  let on = true;
  const burn = () => {
    const end = performance.now() + turn;
    while (performance.now() < end);
    if (on && end < until) setImmediate(burn);
  };
  setImmediate(burn);
  return () => {
    on = false;
  };
}

/** So many megabytes are alive, and replaced bit by bit, as those of a server that works are. */
function fill(megabytes: number): () => void {
  // 2^17 numbers with a fraction are a megabyte.
  const made = () => new Array<number>(2 ** 17).fill(0.5);
  const alive: number[][] = [];
  let next = 0;
  const replace = () => {
    for (let i = 0; i < 4; i++) alive[next++ % megabytes] = made();
  };
  const timer = setInterval(replace, 5);
  setTimeout(() => clearInterval(timer), PATIENCE).unref();
  return () => {
    clearInterval(timer);
    alive.length = 0;
  };
}
