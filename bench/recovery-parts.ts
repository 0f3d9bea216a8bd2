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

/** Milliseconds, each without the others. */
export interface RecoveryParts {
  readonly drivers: number;
  /** Until the last page was read and taken apart, and of it the processor time of this process. */
  readonly read: number;
  readonly readCpu: number;
  readonly index: number;
  readonly settle: number;
}

const opened = await openStore(optionsOfParent<RecoveryPartsOptions>());
await opened.store.ping();
answerParent<null>(null, measure, () => opened.close());

async function measure(): Promise<RecoveryParts> {
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  const pages: (readonly StoredFix[])[] = [];
  for await (const page of opened.store.loadPositions(0)) pages.push(page);
  const read = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpu);

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
    read,
    readCpu: (user + system) / 1000,
    index: settleAt - indexAt,
    settle: end - settleAt,
  };
}
