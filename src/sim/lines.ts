import { createReadStream } from 'node:fs';

/** A line of a file. */
export interface Line {
  /** From 1. */
  readonly number: number;
  /** Undefined when the line is longer than {@link MAX_LINE} bytes. */
  readonly text: string | undefined;
  /** Where in the file the line ends, in bytes. */
  readonly end: number;
}

/** Bytes. A longer line is no fix, and is not kept in memory. */
export const MAX_LINE = 1 << 20;

const LF = 10;

/** The lines of a file, one after the other, whatever the size of the file. */
export async function* readLines(path: string, signal?: AbortSignal): AsyncGenerator<Line> {
  let number = 0;
  let end = 0;
  let rest: Buffer[] = [];
  let restLength = 0;
  const line = (last: Buffer): Line => {
    const length = restLength + last.length;
    const text = length > MAX_LINE ? undefined : Buffer.concat([...rest, last]).toString();
    rest = [];
    restLength = 0;
    return { number: ++number, text, end };
  };
  for await (const chunk of createReadStream(path, { signal }) as AsyncIterable<Buffer>) {
    let start = 0;
    for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, start)) {
      end += at + 1 - start;
      yield line(chunk.subarray(start, at));
      start = at + 1;
    }
    const tail = chunk.subarray(start);
    end += tail.length;
    restLength += tail.length;
    // Past the limit only the length counts.
    if (restLength <= MAX_LINE) rest.push(tail);
  }
  if (restLength > 0) yield line(Buffer.alloc(0));
}
