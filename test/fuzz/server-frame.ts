import { inflateRawSync } from 'node:zlib';

/** A frame of the server. */
export interface ServerFrame {
  readonly opcode: number;
  readonly payload: Buffer;
  /** Bytes that it takes. */
  readonly length: number;
}

/** The bytes are not what RFC 6455 lets a server send. */
export class NoFrame extends Error {
  override name = 'NoFrame';
}

const TEXT = 1;
const CLOSE = 8;
const PING = 9;
const PONG = 10;
const OPCODES = new Set([TEXT, CLOSE, PING, PONG]);

/** What ends a message that was deflated, and is left out (RFC 7692, 7.2.1). */
const TAIL = Buffer.from([0, 0, 0xff, 0xff]);

/**
 * Reads the frame with which bytes begin; undefined while there is more of it to come.
 *
 * @param mayDeflate it was agreed that messages may be compressed
 * @throws {NoFrame}
 */
export function readFrame(bytes: Buffer, mayDeflate: boolean): ServerFrame | undefined {
  if (bytes.length < 2) return undefined;
  const opcode = bytes[0] & 15;
  const isDeflated = mayDeflate && opcode === TEXT && (bytes[0] & 0x40) !== 0;
  if ((bytes[0] & (isDeflated ? 0xb0 : 0xf0)) !== 0x80 || !OPCODES.has(opcode))
    throw new NoFrame(`a frame that begins with ${bytes[0]}`);
  if (bytes[1] & 0x80) throw new NoFrame('a frame with a mask');
  let length = bytes[1] & 127;
  let start = 2;
  if (length >= 126) {
    if (opcode >= CLOSE) throw new NoFrame('a control frame of more than 125 bytes');
    start = length === 126 ? 4 : 10;
    if (bytes.length < start) return undefined;
    length = start === 4 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  }
  if (bytes.length < start + length) return undefined;
  const payload = bytes.subarray(start, start + length);
  return { opcode, payload: isDeflated ? inflated(payload) : payload, length: start + length };
}

function inflated(payload: Buffer): Buffer {
  try {
    return inflateRawSync(Buffer.concat([payload, TAIL]), { finishFlush: 2 });
  } catch {
    throw new NoFrame('a message that cannot be inflated');
  }
}
