/** An event of a stream, as it came. */
export interface StreamEvent {
  /** `message` where the stream does not say. */
  readonly type: string;
  readonly data: string;
  /** The last id until then; empty where there was none. */
  readonly lastEventId: string;
}

/** The most characters that may wait for the end of their event: a hundred thousand drivers, each with a thousand. */
const LIMIT = 100_000_000;

const LINE_END = /\r\n?|\n/g;

/** Reads the events out of an event stream (HTML Standard, 9.2.5 and 9.2.6), wherever the pieces that it comes in are cut. */
export class EventStreamParser {
  /** The last id, also of what had no data; empty where there was none. */
  lastEventId = '';
  /** Milliseconds to wait before coming back, where the stream says so. */
  retry: number | undefined;
  readonly #limit: number;
  /** It takes a mark of byte order away, and waits for the rest of a character. */
  readonly #decoder = new TextDecoder();
  /** The beginning of a line. */
  #rest = '';
  /** The last character was a carriage return: a line feed after it is of the same line end. */
  #returned = false;
  #type = '';
  #data: string[] = [];
  /** Characters in the data, line ends included. */
  #size = 0;
  #id = '';

  constructor(limit = LIMIT) {
    this.#limit = limit;
  }

  /** The events that these bytes complete. @throws {RangeError} an event is too long */
  read(bytes: Uint8Array): StreamEvent[] {
    const text = this.#decoder.decode(bytes, { stream: true });
    const events: StreamEvent[] = [];
    // A part of a character alone: what comes after a carriage return is yet to be seen.
    if (text === '') return events;
    let begin = this.#returned && text.startsWith('\n') ? 1 : 0;
    LINE_END.lastIndex = begin;
    for (let end = LINE_END.exec(text); end !== null; end = LINE_END.exec(text)) {
      const event = this.#line(this.#rest + text.slice(begin, end.index));
      if (event !== undefined) events.push(event);
      this.#rest = '';
      begin = LINE_END.lastIndex;
    }
    this.#rest += text.slice(begin);
    this.#returned = text.endsWith('\r');
    this.#assertRoom(this.#rest.length);
    return events;
  }

  /** Takes in a line, without its end. @returns the event that it completes */
  #line(line: string): StreamEvent | undefined {
    if (line === '') return this.#dispatch();
    const colon = line.indexOf(':');
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + (line[colon + 1] === ' ' ? 2 : 1));
    // A line without a name is a comment.
    if (name === 'event') this.#type = value;
    else if (name === 'data') {
      this.#size += value.length + 1;
      this.#assertRoom(0);
      this.#data.push(value);
    } else if (name === 'id' && !value.includes('\0')) this.#id = value;
    else if (name === 'retry' && /^[0-9]+$/.test(value)) this.retry = Number(value);
    return undefined;
  }

  #dispatch(): StreamEvent | undefined {
    this.lastEventId = this.#id;
    const [type, data, lastEventId] = [this.#type || 'message', this.#data, this.#id];
    this.#type = '';
    this.#data = [];
    this.#size = 0;
    return data.length === 0 ? undefined : { type, data: data.join('\n'), lastEventId };
  }

  #assertRoom(characters: number): void {
    if (this.#size + characters > this.#limit) {
      throw new RangeError(`An event has more than ${this.#limit} characters.`);
    }
  }
}
