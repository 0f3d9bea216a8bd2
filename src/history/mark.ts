/** A moment of a replay, from which it can be gone on with. Times are epoch milliseconds. */
export interface Mark {
  readonly at: number;
  /** Where the replay ends: it may have been asked for until now, which was another time then. */
  readonly to: number;
}

/** The mark on the wire: of characters that a URL takes as they are. */
export function writeMark({ at, to }: Mark): string {
  return `${at}-${to}`;
}

/** What a mark says, or undefined when it is none. */
export function readMark(text: string): Mark | undefined {
  const match = /^(\d{1,15})-(\d{1,15})$/.exec(text);
  return match === null ? undefined : { at: Number(match[1]), to: Number(match[2]) };
}
