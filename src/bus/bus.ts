/** Who listens to a bus: one for each. None of these may throw. */
export interface BusListener {
  /** Something was published on a channel that is subscribed; by this process too. */
  onMessage(channel: string, data: Buffer): void;
  /**
   * What was published on these channels may not have been heard, since some time before this call. They are subscribed
   * again, so whatever is published from now on will be.
   */
  onLost(channels: readonly string[]): void;
  /** What was published on these channels may have reached nobody. While the bus is up it may be published again. */
  onUnsent(channels: readonly string[]): void;
  /** It can be published and heard, for the first time or again; all that was subscribed is, and `onLost` has named it. */
  onUp(): void;
  /** Nothing can be published, or nothing is heard. */
  onDown(): void;
}

/**
 * What instances tell each other goes over it: messages on channels, to whoever has subscribed just then, at most once and
 * in no order that may be counted on. Every implementation passes the same contract suite (`test/bus/contract.ts`).
 */
export interface Bus {
  /** Whether messages get through, as far as is known. */
  readonly isUp: boolean;
  /** Who hears from now on; to be called once, before anything else. */
  listen(listener: BusListener): void;
  /** Sends a message, and forgets it; whether it got nowhere is heard by `onUnsent`. The buffer must not be changed. */
  publish(channel: string, data: Buffer): void;
  /**
   * Subscribes channels for good: also while the bus is away, and then as soon as it is back. One that is subscribed
   * already is no error.
   *
   * @returns resolves once all that is published from now on will be heard @throws {BusAway}
   */
  subscribe(channels: readonly string[]): Promise<void>;
  /** Ends that; what is on its way may still be heard. */
  unsubscribe(channels: readonly string[]): void;
  /** Ends all. No socket or timer is left. */
  close(): Promise<void>;
}

/** The bus cannot be reached; what was asked for is done when it is back. */
export class BusAway extends Error {
  override name = 'BusAway';
}
