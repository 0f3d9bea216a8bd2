import { onTestFinished } from 'vitest';
import { type LocalBus, LocalHub } from '../../src/bus/local.ts';
import { Cluster } from '../../src/cluster/cluster.ts';
import { ClusterReads } from '../../src/cluster/reads.ts';
import { cursorSeal } from '../../src/cursor-seal.ts';
import { encodePosition } from '../../src/protocol/position.ts';
import type { ColdPositions } from '../../src/store/cold-positions.ts';
import { GroupCommit } from '../../src/store/group-commit.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { MemoryCutOffs } from '../../src/store/memory-cut-offs.ts';
import { MemoryPositions } from '../../src/store/memory-positions.ts';
import { Tracker } from '../../src/tracker.ts';
import { FakeClock } from '../subscriptions/fake-clock.ts';

/** Reads of cells that wait until the test lets them go, if it wants to; and of which fleet each was. */
class Cells {
  readonly read: { readonly fleet: string; readonly cells: number }[] = [];
  isHeld = false;
  #waiting: (() => void)[] = [];

  async begin(fleet: string, cells: number): Promise<void> {
    this.read.push({ fleet, cells });
    if (this.isHeld) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Those that wait go on, and none waits from now on. */
  release(): void {
    this.isHeld = false;
    for (const go of this.#waiting.splice(0)) go();
  }
}

/** One instance of a cluster in the test's process, all but its doors. */
export interface Member {
  readonly clock: FakeClock;
  readonly bus: LocalBus;
  readonly cluster: Cluster;
  readonly tracker: Tracker;
  readonly reads: ClusterReads;
  readonly writer: GroupCommit;
  readonly cells: Cells;
}

/** What members of one cluster share. */
export interface Shared {
  readonly clock: FakeClock;
  readonly hub: LocalHub;
  readonly store: MemoryStore;
  readonly cutOffs: MemoryCutOffs;
}

export function shared(): Shared {
  const clock = new FakeClock();
  const cutOffs = new MemoryCutOffs(() => clock.now);
  return { clock, hub: new LocalHub(), store: new MemoryStore(undefined, 0), cutOffs };
}

/** Ended when the test is. */
export function join({ clock, hub, store, cutOffs }: Shared = shared(), number = 1): Member {
  const cells = new Cells();
  const positions: ColdPositions = Object.assign(new MemoryPositions(store), {
    inCells: async function* (this: MemoryPositions, fleet: string, names: readonly string[], since: number) {
      await cells.begin(fleet, names.length);
      yield* MemoryPositions.prototype.inCells.call(this, fleet, names, since);
    },
  });
  const bus = hub.bus();
  const writer = new GroupCommit({ store, onRejected: () => {} });
  const now = () => clock.now;
  const { after } = clock.of(bus);
  const cluster = new Cluster({
    bus,
    store: positions,
    cutOffs,
    writer,
    clock: { now, after, defer: setImmediate },
    publisher: number.toString(16).padStart(16, '0'),
    prefix: 'n',
    ttlSeconds: 300,
    steady: now,
  });
  const tracker = new Tracker({
    writer,
    now,
    instance: `i${number}`,
    encode: encodePosition,
    seal: cursorSeal(`i${number}`),
    ttlSeconds: 300,
    maxFutureSeconds: 30,
    peers: cluster,
  });
  cluster.start(tracker);
  onTestFinished(async () => {
    cells.release();
    cluster.close();
    writer.close();
    await bus.close();
  });
  return {
    clock,
    bus,
    cluster,
    tracker,
    reads: new ClusterReads(cluster, tracker, positions, encodePosition, now),
    writer,
    cells,
  };
}
