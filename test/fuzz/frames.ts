import { deflateRawSync } from 'node:zlib';
import type { Random } from '../support/random.ts';
import type { FramesCase } from './case.ts';
import { bytesOf, garble } from './mutate.ts';

/** How a frame is other than it should be. */
interface Odd {
  /** The bit that ends a message; set when absent. */
  readonly last?: boolean;
  readonly reserved?: number;
  readonly masked?: boolean;
  /** Written as the length, in place of the payload's. */
  readonly length?: bigint;
  /** Bytes that the length is written in, though fewer would do. */
  readonly lengthBytes?: 1 | 2 | 8;
}

const MASK = [0x12, 0xab, 0x00, 0xff];
const CLOSE_CODES = [0, 1, 999, 1000, 1001, 1004, 1005, 1006, 1015, 1016, 2999, 3000, 4000, 4401, 4999, 5000, 65_535];
const NOT_UTF8 = ['\xff', '\xc3\x28', '\xed\xa0\x80', '\xf5\x80\x80\x80', '\xe2\x82', '\xc0\xaf'];
const PING = '{"type":"ping","id":1}';

/** A frame of a client (RFC 6455, 5.2). @param payload each character is a byte */
export function frame(payload: string, opcode = 1, odd: Odd = {}): string {
  const { last = true, reserved = 0, masked = true, length = BigInt(payload.length) } = odd;
  const lengthBytes = odd.lengthBytes ?? (length < 126n ? 1 : length < 65_536n ? 2 : 8);
  const head = Buffer.alloc(1 + (lengthBytes === 1 ? 1 : 1 + lengthBytes));
  head[0] = (last ? 0x80 : 0) | (reserved << 4) | opcode;
  head[1] = (masked ? 0x80 : 0) | (lengthBytes === 1 ? Number(length) : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes === 2) head.writeUInt16BE(Number(length & 0xffffn), 2);
  if (lengthBytes === 8) head.writeBigUInt64BE(length, 2);
  if (!masked) return head.toString('latin1') + payload;
  const data = Buffer.from(payload, 'latin1');
  for (let i = 0; i < data.length; i++) data[i] ^= MASK[i & 3];
  return head.toString('latin1') + String.fromCharCode(...MASK) + data.toString('latin1');
}

/** Frames in which something may be wrong. */
export function framesCase(random: Random): FramesCase {
  let bytes = '';
  do bytes += piece(random);
  while (random.below(3) !== 0);
  if (random.below(5) === 0) bytes = garble(bytes, random);
  return { kind: 'frames', bytes };
}

function piece(random: Random): string {
  switch (random.below(22)) {
    case 0:
      return frame(PING);
    case 1:
      return fragmented(PING, random);
    case 2:
      return frame('x', 3 + random.below(5));
    case 3:
      return frame('x', 11 + random.below(5));
    case 4:
      return frame(PING, 1, { reserved: 1 + random.below(7) });
    case 5:
      return frame(PING, 1, { masked: false });
    case 6:
      return frame('x'.repeat(random.pick([0, 125, 126, 70_000])), random.pick([8, 9, 10]));
    case 7:
      return frame('x', random.pick([8, 9, 10]), { last: false });
    case 8:
      return frame(random.pick(['', '\x03']) + random.pick(NOT_UTF8), 8);
    case 9: {
      const code = random.pick(CLOSE_CODES);
      return frame(String.fromCharCode(code >> 8, code & 255) + random.pick(['', 'bye', ...NOT_UTF8]), 8);
    }
    case 10:
      return frame(random.pick(['', '{"type":"ping","id":"']) + random.pick(NOT_UTF8), random.pick([1, 2]));
    case 11:
      return frame(PING, 1, {
        length: random.pick([0n, 5n, 126n, 65_536n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 63n]),
      });
    case 12:
      return frame(PING, 1, { lengthBytes: random.pick([2, 8]) });
    case 13:
      return frame('', random.pick([0, 1, 2]), { last: random.below(2) === 0 });
    case 14:
      return frame('', 9).repeat(random.pick([1, 10, 1000])) + frame('', 10).repeat(random.below(10));
    case 15:
    case 16:
      return heavy(random);
    // The first that breaks the protocol is the last that is read.
    default:
      return random.below(2) === 0 ? frame(PING) : fragmented(PING, random);
  }
}

/** What takes room or time: seldom, as it takes ours too. */
function heavy(random: Random): string {
  switch (random.below(12)) {
    case 0:
      return frame(' '.repeat(random.pick([1_048_575, 1_048_576, 1_048_577])));
    case 1:
      return (
        frame('', 1, { last: false }) + frame('', 0, { last: false }).repeat(random.pick([100, 20_000])) + frame('', 0)
      );
    case 2:
      return frame('['.repeat(200_000));
    case 3: {
      // A few kilobytes that are many megabytes when they are unpacked.
      const bomb = deflateRawSync(Buffer.alloc(random.pick([1_000, 8_000_000]), ' ')).toString('latin1');
      return frame(bomb, 1, { reserved: 4 });
    }
    case 4:
      return frame(deflateRawSync(PING).toString('latin1'), 1, { reserved: 4 });
    case 5:
      return frame('\0\xff\xffgarbage', 1, { reserved: 4 });
    default:
      return fragmented(bytesOf('{"type":"ping","id":"äöü🚗"}'), random);
  }
}

function fragmented(text: string, random: Random): string {
  let bytes = '';
  let opcode = 1;
  for (let at = 0; at < text.length; ) {
    const end = at + random.below(8);
    bytes += frame(text.slice(at, end), opcode, { last: end >= text.length });
    // Control frames may come in between.
    if (random.below(4) === 0) bytes += frame('x', random.pick([9, 10]));
    // A message that begins within another may not.
    opcode = random.below(40) === 0 ? 1 : 0;
    at = end;
  }
  return bytes;
}
