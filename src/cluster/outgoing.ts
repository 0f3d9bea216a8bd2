import type { Bus } from '../bus/bus.ts';
import { FrameWriter } from '../bus/frame.ts';
import type { Position } from '../fix.ts';
import { Channel } from './channel.ts';
import type { FleetLeases } from './fleet-leases.ts';
import { nameOf } from './lease-cells.ts';
import type { ClusterStats } from './stats.ts';

/** Bytes of one message, about: longer ones would hold up others on their way. */
const MAX_BYTES = 256 * 1024;

/** What stands for the channel of a fleet where others are of a cell. */
const OF_FLEET = -1;

/** Milliseconds after which a channel that nothing is published on is forgotten. */
const IDLE_TIME = 10 * 60_000;

/**
 * What this instance tells the others: collected by channel, and published once a channel at the end of the event loop's turn.
 * Each channel's messages are counted, see {@link Sequences}. What may have reached nobody is made up for by a word that
 * something was lost, as soon as something can be sent.
 */
export class Outgoing {
  readonly #bus: Bus;
  readonly #publisher: string;
  readonly #now: () => number;
  readonly #stats: ClusterStats;
  readonly #onFlush: () => void;
  /** By fleet and cell; {@link OF_FLEET} is the fleet's own. */
  readonly #channels = new Map<FleetLeases, Map<number, Channel>>();
  /** Those that something is to be told on at the end of this turn. */
  #due: Channel[] = [];
  /** The names of those on which something was lost. */
  readonly #lost = new Set<string>();
  readonly #byName = new Map<string, Channel>();
  readonly #writers: FrameWriter[] = [];
  #scheduled = false;
  #closed = false;
  /** More than any channel's count: one that is forgotten and used again must not count what it counted before. */
  #highest = 0;

  /**
   * @param publisher names this process: 16 hexadecimal digits
   * @param onFlush called before a turn's messages leave
   */
  constructor(bus: Bus, publisher: string, now: () => number, stats: ClusterStats, onFlush: () => void) {
    this.#bus = bus;
    this.#publisher = publisher;
    this.#now = now;
    this.#stats = stats;
    this.#onFlush = onFlush;
  }

  /** A fix was accepted of a driver that is, or was until then, in a cell. */
  position(leases: FleetLeases, key: number, position: Position): void {
    this.#writer(this.#channel(leases, key))?.position(position);
  }

  /** This instance has begun to take a driver's fixes. @param before the cell that it was in; −1: none */
  adopted(leases: FleetLeases, position: Position, before: number): void {
    this.#writer(this.#channel(leases, OF_FLEET))?.adopted(position, before);
  }

  /** A fix that moves nothing was received of a driver that is in a cell. */
  heard(leases: FleetLeases, key: number, driverId: string): void {
    this.#writer(this.#channel(leases, key))?.heard(driverId);
  }

  /** A driver went off duty. @param at epoch milliseconds */
  removed(leases: FleetLeases, driverId: string, at: number): void {
    this.#writer(this.#channel(leases, OF_FLEET))?.removed(driverId, at);
  }

  /** What was published on these channels may have reached nobody. */
  unsent(channels: Iterable<string>): void {
    for (const name of channels) if (this.#byName.has(name)) this.#lost.add(name);
  }

  /** Says on each channel where something was lost that it was, if that can be said now. */
  mend(): void {
    if (!this.#bus.isUp || this.#lost.size === 0) return;
    const names = [...this.#lost];
    this.#lost.clear();
    for (const name of names) this.#writer(this.#byName.get(name))?.lost();
  }

  /**
   * Tells on each fleet's channel how far the channels of its cells have counted on which something was published since the last
   * time: a tail that is lost is noticed by that, as nothing follows it. Forgets the idle ones.
   */
  beat(): void {
    if (!this.#bus.isUp) return;
    const idle = this.#now() - IDLE_TIME;
    for (const [leases, channels] of [...this.#channels]) {
      for (const [key, channel] of channels) {
        if (channel.seq !== channel.told) {
          const writer = this.#writer(this.#channel(leases, OF_FLEET));
          // How far the fleet's own has counted is told by the message itself.
          if (key !== OF_FLEET) writer?.beat(key, channel.seq);
        } else if (channel.usedAt < idle && channel.writer === undefined) this.#forget(leases, key, channel);
      }
    }
    this.flush();
    // What only told of counts need not be told of.
    for (const channel of this.#byName.values()) channel.told = channel.seq;
  }

  /** Publishes what is collected. */
  flush(): void {
    this.#scheduled = false;
    this.#onFlush();
    const due = this.#due;
    this.#due = [];
    for (const channel of due) this.#publish(channel);
  }

  /** Nothing more is collected. */
  close(): void {
    this.flush();
    this.#closed = true;
  }

  #channel(leases: FleetLeases, key: number): Channel {
    let channels = this.#channels.get(leases);
    if (channels === undefined) {
      channels = new Map();
      this.#channels.set(leases, channels);
    }
    let channel = channels.get(key);
    if (channel === undefined) {
      channel = new Channel(channelOf(leases, key), this.#highest);
      channel.usedAt = this.#now();
      channels.set(key, channel);
      this.#byName.set(channel.name, channel);
    }
    return channel;
  }

  #forget(leases: FleetLeases, key: number, channel: Channel): void {
    const { name } = channel;
    if (this.#lost.has(name)) return;
    const channels = this.#channels.get(leases);
    channels?.delete(key);
    if (channels?.size === 0) this.#channels.delete(leases);
    // A fleet that was left and came back has another channel of that name.
    if (this.#byName.get(name) === channel) this.#byName.delete(name);
  }

  #writer(channel: Channel | undefined): FrameWriter | undefined {
    if (channel === undefined || this.#closed) return undefined;
    if (!this.#bus.isUp) {
      this.#lost.add(channel.name);
      return undefined;
    }
    if (channel.writer === undefined) {
      channel.writer = this.#writers.pop() ?? new FrameWriter();
      this.#due.push(channel);
      if (!this.#scheduled) {
        this.#scheduled = true;
        setImmediate(() => this.flush());
      }
    } else if (channel.writer.bytes > MAX_BYTES) this.#send(channel, channel.writer);
    return channel.writer;
  }

  #publish(channel: Channel): void {
    const { writer } = channel;
    if (writer === undefined) return;
    channel.writer = undefined;
    this.#send(channel, writer);
    this.#writers.push(writer);
  }

  #send(channel: Channel, writer: FrameWriter): void {
    channel.seq++;
    if (channel.seq > this.#highest) this.#highest = channel.seq;
    channel.usedAt = this.#now();
    const frame = writer.finish(this.#publisher, channel.seq);
    this.#stats.messagesOut++;
    this.#stats.bytesOut += frame.length;
    this.#bus.publish(channel.name, frame);
  }
}

/** The name of a cell's channel, or of the fleet's own. */
export function channelOf(leases: FleetLeases, key: number): string {
  return key === OF_FLEET ? leases.channel : `${leases.channel}/${nameOf(key)}`;
}
