import type { FrameWriter } from '../bus/frame.ts';

/** A channel that this instance publishes on. */
export class Channel {
  readonly name: string;
  /** How many messages were published on it. */
  seq: number;
  /** How many of them the others were told of. */
  told: number;
  /** Epoch milliseconds. */
  usedAt = 0;
  /** What is collected for it in this turn; absent: nothing. */
  writer: FrameWriter | undefined;

  /** @param seq where its count begins */
  constructor(name: string, seq: number) {
    this.name = name;
    this.seq = seq;
    this.told = seq;
  }
}
