import type { Bus, BusListener } from '../bus/bus.ts';
import { type FrameSink, readFrame } from '../bus/frame.ts';
import type { Position } from '../fix.ts';
import type { BusHints } from './bus-hints.ts';
import type { FleetLeases } from './fleet-leases.ts';
import { isLease } from './lease-cells.ts';
import type { Leases, Subject } from './leases.ts';
import type { ClusterStats } from './stats.ts';

/** What is told by others, message by message. */
export interface Hearer {
  /** A driver's fix was accepted. */
  onPosition(leases: FleetLeases, position: Position): void;
  /** Another instance has begun to take a driver's fixes. @param before the cell that it knew the driver in; −1: none */
  onAdopted(leases: FleetLeases, position: Position, before: number): void;
  /** A fix was received that moves nothing. */
  onHeard(leases: FleetLeases, driverId: string): void;
  /** A driver went off duty. @param at what was received of it until then does not count */
  onRemoved(leases: FleetLeases, driverId: string, at: number): void;
  /** Somebody is in a cell that is not leased. */
  onStrange(leases: FleetLeases, key: number): void;
  /** A message could not be taken in. */
  onBad(channel: string, error: unknown): void;
  onUnsent(channels: readonly string[]): void;
  onUp(): void;
  onDown(): void;
}

/** Reads what comes over the bus, and sees to it that nothing was missed before. */
export class Incoming implements BusListener, FrameSink {
  readonly #leases: Leases;
  readonly #publisher: string;
  readonly #now: () => number;
  readonly #stats: ClusterStats;
  readonly #hearer: Hearer;
  readonly #hints: BusHints;
  // Of the message that is being read.
  #subject: Subject | undefined;
  #from = '';

  /** @param publisher this process, whose own messages come back to it */
  constructor(
    leases: Leases,
    publisher: string,
    now: () => number,
    stats: ClusterStats,
    hearer: Hearer,
    hints: BusHints,
  ) {
    this.#leases = leases;
    this.#publisher = publisher;
    this.#now = now;
    this.#stats = stats;
    this.#hearer = hearer;
    this.#hints = hints;
  }

  listenTo(bus: Bus): void {
    bus.listen(this);
  }

  onMessage(channel: string, data: Buffer): void {
    this.#stats.messagesIn++;
    this.#stats.bytesIn += data.length;
    if (channel === this.#hints.channel) {
      this.#hints.hear(data);
      return;
    }
    const subject = this.#leases.subject(channel);
    // What was given up is still on its way for a moment.
    if (subject === undefined) return;
    this.#subject = subject;
    try {
      readFrame(data, this);
    } catch (error) {
      this.#stats.badMessages++;
      this.#hearer.onBad(channel, error);
      this.#leases.missed(subject, 'gap');
    }
  }

  onLost(channels: readonly string[]): void {
    this.#leases.missedOn(channels);
    if (channels.includes(this.#hints.channel)) this.#hints.missed();
  }

  onUnsent(channels: readonly string[]): void {
    this.#stats.unsent += channels.length;
    this.#hearer.onUnsent(channels);
  }

  onUp(): void {
    this.#leases.onUp();
    this.#hearer.onUp();
  }

  onDown(): void {
    this.#leases.onDown();
    this.#hearer.onDown();
  }

  begin(publisher: string, seq: number): boolean {
    if (publisher === this.#publisher) return false;
    this.#from = publisher;
    const { leases, lease } = this.#subject as Subject;
    if (!(lease ?? leases).sequences.heard(publisher, seq)) this.lost();
    return true;
  }

  position(position: Position): void {
    this.#hearer.onPosition((this.#subject as Subject).leases, position);
  }

  adopted(position: Position, before: number): void {
    this.#hearer.onAdopted((this.#subject as Subject).leases, position, before);
  }

  heard(driverId: string): void {
    this.#hearer.onHeard((this.#subject as Subject).leases, driverId);
  }

  removed(driverId: string, at: number): void {
    this.#hearer.onRemoved((this.#subject as Subject).leases, driverId, at);
  }

  beat(key: number, seq: number): void {
    const { leases } = this.#subject as Subject;
    if (!isLease(key)) return;
    const lease = leases.leases.get(key);
    if (lease === undefined) this.#hearer.onStrange(leases, key);
    else lease.sequences.claimed(this.#from, seq, this.#now());
  }

  lost(): void {
    this.#stats.gaps++;
    this.#leases.missed(this.#subject as Subject, 'gap');
  }
}
