import { Histogram } from '../histogram.ts';
import type { Changes, Snapshot, Subscription } from './subscription.ts';

/** Ranges of the ages of positions, from a millisecond: the last but one ends at 65 s. */
const AGES = 17;

/**
 * What was told over all connections of one kind, as plain numbers: whoever counts here is in the middle of telling
 * somebody, and whoever reads comes by once in a while.
 */
export class Tally {
  /** Messages. */
  snapshots = 0;
  changes = 0;
  /** Positions in snapshots. */
  shown = 0;
  entered = 0;
  moved = 0;
  exited = 0;
  /** Changes that nobody was told of, since another of the same driver came while they waited. */
  conflated = 0;
  /**
   * Milliseconds from the receipt of a position to its being handed to the connection, of moves alone: who comes in may do so
   * because the area moved. Those of subscriptions with a `maxRate` wait on purpose and are left out.
   */
  readonly ages = new Histogram(0.001, AGES);
  readonly #isLive: boolean;

  /** @param isLive whether what is told happens now, so that its age means something */
  constructor(isLive = true) {
    this.#isLive = isLive;
  }

  /** Takes note of a snapshot that goes out. */
  tellSnapshot(subscription: Subscription, { unchanged }: Snapshot): void {
    this.snapshots++;
    this.shown += subscription.inside.size - unchanged.length;
  }

  /** Takes note of changes that go out. @param now the server's clock, epoch milliseconds */
  tellChanges(subscription: Subscription, { enter, move, exit }: Changes, now: number): void {
    this.changes++;
    this.entered += enter.length;
    this.moved += move.length;
    this.exited += exit.length;
    if (subscription.interval > 0 || !this.#isLive) return;
    for (const { position } of move) this.ages.record(now - position.receivedAt);
  }
}
