import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

/** What a connection tells its owner. */
export interface FrameEvents {
  /** A text message came. */
  text(text: string, client: FrameClient): void;
  /** All messages are told that came in one piece. */
  told?(client: FrameClient): void;
  /** It was closed, and not by {@link FrameClient.close}. */
  closed(why: string): void;
}

const END_OF_HEAD = '\r\n\r\n';
const TEXT = 0x1;
const CLOSE = 0x8;
const PING = 0x9;
const PONG = 0xa;
const LAST = 0x80;
const MASKED = 0x80;
const OUTGOING = 64 * 1024;
/** Bytes before the text, of which the last four are the mask's. */
const MAX_HEAD = 8;
const SHORT = 125;

/**
 * One side of a WebSocket (RFC 6455) that is no more than a load needs: it reads whole text frames of a server, and sends
 * them. On a machine of two cores the client of `ws` takes as much of its core as the server does of its own, and would be
 * what is measured. Its frames are masked with a key of zeros, so that only the other side has work with it.
 */
export class FrameClient {
  /** Bytes that came. */
  received = 0;
  readonly #socket: Socket;
  readonly #events: FrameEvents;
  /** The beginning of a frame that has not come whole. */
  #rest: Buffer | undefined;
  #outgoing: Buffer | undefined;
  #length = 0;
  #closing = false;

  private constructor(socket: Socket, events: FrameEvents) {
    this.#socket = socket;
    this.#events = events;
  }

  /** Connects and shakes hands. @throws {Error} when the server refuses */
  static open(
    port: number,
    path: string,
    headers: Readonly<Record<string, string>>,
    events: FrameEvents,
  ): Promise<FrameClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      const client = new FrameClient(socket, events);
      const all = {
        host: `127.0.0.1:${port}`,
        upgrade: 'websocket',
        connection: 'Upgrade',
        'sec-websocket-version': '13',
        'sec-websocket-key': randomBytes(16).toString('base64'),
        ...headers,
      };
      const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
      socket.on('connect', () => socket.write(`GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`));
      let head = Buffer.alloc(0);
      const onHead = (piece: Buffer) => {
        head = Buffer.concat([head, piece]);
        const end = head.indexOf(END_OF_HEAD);
        if (end < 0) return;
        const status = head.toString('latin1', 0, head.indexOf('\r\n'));
        if (!status.startsWith('HTTP/1.1 101 ')) {
          reject(new Error(`${path}: ${status}`));
          socket.destroy();
          return;
        }
        socket.off('data', onHead);
        socket.on('data', (data) => client.#receive(data));
        resolve(client);
        const more = head.subarray(end + END_OF_HEAD.length);
        if (more.length > 0) client.#receive(more);
      };
      socket.on('data', onHead);
      socket.on('error', reject);
      socket.on('close', () => {
        reject(new Error(`${path}: closed`));
        client.#closed('without a word');
      });
    });
  }

  /** Bytes that are sent and not taken by the system. */
  get bufferedAmount(): number {
    return this.#length + this.#socket.writableLength;
  }

  /** Puts a message behind those that {@link flush} sends. @param text of not more than 10,000 characters */
  queue(text: string): void {
    // A character takes three bytes at the most.
    if (this.#length + MAX_HEAD + 3 * text.length > OUTGOING) this.flush();
    this.#outgoing ??= Buffer.allocUnsafe(OUTGOING);
    this.#length = write(text, this.#outgoing, this.#length);
  }

  /** Sends what is queued. */
  flush(): void {
    if (this.#outgoing === undefined || this.#length === 0 || this.#closing) return;
    this.#socket.write(this.#outgoing.subarray(0, this.#length));
    // What the system has not taken yet must stay as it is.
    if (this.#socket.writableLength > 0) this.#outgoing = undefined;
    this.#length = 0;
  }

  /** Sends a message that is the only one for a while. */
  send(text: string): void {
    this.flush();
    const frame = Buffer.allocUnsafe(MAX_HEAD + 3 * text.length);
    this.#socket.write(frame.subarray(0, write(text, frame, 0)));
  }

  close(): void {
    this.#closing = true;
    this.#socket.destroy();
  }

  #receive(piece: Buffer): void {
    this.received += piece.length;
    const data = this.#rest === undefined ? piece : Buffer.concat([this.#rest, piece]);
    let at = 0;
    while (data.length - at >= 2) {
      let from = at + 2;
      let length = data[at + 1];
      if (length === 126) {
        if (data.length < at + 4) break;
        length = data.readUInt16BE(at + 2);
        from = at + 4;
      } else if (length === 127) {
        if (data.length < at + 10) break;
        length = data.readUIntBE(at + 4, 6);
        from = at + 10;
      }
      if (data.length < from + length) break;
      this.#frame(data[at], data, from, from + length);
      at = from + length;
    }
    this.#rest = at === data.length ? undefined : data.subarray(at);
    this.#events.told?.(this);
  }

  #frame(kind: number, data: Buffer, from: number, to: number): void {
    if (kind === (LAST | TEXT)) this.#events.text(data.toString('utf8', from, to), this);
    // A ping of a server is empty, or short enough to be left unechoed.
    else if (kind === (LAST | PING)) this.#socket.write(Buffer.from([LAST | PONG, MASKED, 0, 0, 0, 0]));
    else if (kind === (LAST | CLOSE)) this.#closed(`${data.readUInt16BE(from)} ${data.toString('utf8', from + 2, to)}`);
    else if (kind !== (LAST | PONG)) this.#closed(`an unexpected frame: ${kind}`);
  }

  #closed(why: string): void {
    if (this.#closing) return;
    this.close();
    this.#events.closed(why);
  }
}

/** Writes a frame, and says where it ends. */
function write(text: string, to: Buffer, at: number): number {
  // Short messages have a shorter head, so it is known only once the text is written.
  let head = text.length > SHORT ? MAX_HEAD : MAX_HEAD - 2;
  let length = to.write(text, at + head);
  if (length > SHORT && head < MAX_HEAD) {
    head = MAX_HEAD;
    length = to.write(text, at + head);
  }
  to[at] = LAST | TEXT;
  if (head === MAX_HEAD) {
    to[at + 1] = MASKED | 126;
    to.writeUInt16BE(length, at + 2);
  } else to[at + 1] = MASKED | length;
  to.fill(0, at + head - 4, at + head);
  return at + head + length;
}
