import { encodePosition } from '../src/protocol/position.ts';
import { openStore } from '../src/store/open.ts';
import type { StoredFix } from '../src/store/store.ts';
import { Tracker } from '../src/tracker.ts';
import { answerParent, optionsOfParent } from './in-child.ts';

/** Where the drivers are. */
export interface RecoveryPartsOptions {
  readonly databaseUrl?: string;
  readonly dataDir: string;
}

/** What to do: to read, and then to place what was read. */
export type RecoveryPart = 'read' | 'place';

/** Milliseconds of reading alone. */
export interface Reading {
  /** Until the last page was read and taken apart, and of it the processor time of this process. */
  readonly read: number;
  readonly readCpu: number;
}

/** Milliseconds, each without the other. */
export interface Placing {
  readonly drivers: number;
  readonly index: number;
  readonly settle: number;
}

const opened = await openStore(optionsOfParent<RecoveryPartsOptions>());
await opened.store.ping();
const pages: (readonly StoredFix[])[] = [];
answerParent<RecoveryPart>(
  null,
  (part) => (part === 'read' ? read() : place()),
  () => opened.close(),
);

async function read(): Promise<Reading> {
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  for await (const page of opened.store.loadPositions(0)) pages.push(page);
  const { user, system } = process.cpuUsage(cpu);
  return { read: performance.now() - startedAt, readCpu: (user + system) / 1000 };
}

async function place(): Promise<Placing> {
  const tracker = new Tracker({
    writer: { full: true, write() {}, writeLate() {}, remove() {}, whenStored() {} },
    now: Date.now,
    instance: 'bench',
    encode: encodePosition,
    ttlSeconds: 300,
    maxFutureSeconds: 30,
  });
  const indexAt = performance.now();
  let settleAt = indexAt;
  await tracker.restore(
    (async function* () {
      yield* pages;
      settleAt = performance.now();
    })(),
  );
  const end = performance.now();
  return {
    drivers: tracker.size,
    index: settleAt - indexAt,
    settle: end - settleAt,
  };
}
