import { inflateSync } from 'node:zlib';

/** A picture's pixels. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  /** Red, green and blue of a pixel, 0 … 255. */
  at(x: number, y: number): readonly [red: number, green: number, blue: number];
}

/** Reads a PNG of eight bits a channel, not interlaced, in red, green and blue, with or without alpha (W3C PNG, 9 and 11). */
export function readPng(file: Buffer): Picture {
  const width = file.readUInt32BE(16);
  const height = file.readUInt32BE(20);
  const [depth, colours, , , interlaced] = file.subarray(24, 29);
  if (depth !== 8 || interlaced !== 0 || ![2, 6].includes(colours)) throw new Error('a PNG of another kind');
  const data: Buffer[] = [];
  for (let at = 8; at < file.length; ) {
    const length = file.readUInt32BE(at);
    if (file.toString('latin1', at + 4, at + 8) === 'IDAT') data.push(file.subarray(at + 8, at + 8 + length));
    at += length + 12;
  }
  const channels = colours === 6 ? 4 : 3;
  const pixels = unfiltered(inflateSync(Buffer.concat(data)), width * channels, height, channels);
  return {
    width,
    height,
    at: (x, y) => {
      const start = (y * width + x) * channels;
      return [pixels[start], pixels[start + 1], pixels[start + 2]];
    },
  };
}

function unfiltered(lines: Buffer, stride: number, height: number, step: number): Uint8Array {
  const pixels = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) {
    const filter = lines[y * (stride + 1)];
    for (let x = 0; x < stride; x++) {
      const here = y * stride + x;
      const left = x < step ? 0 : pixels[here - step];
      const up = y === 0 ? 0 : pixels[here - stride];
      const corner = x < step || y === 0 ? 0 : pixels[here - stride - step];
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter];
      pixels[here] = lines[y * (stride + 1) + 1 + x] + guess;
    }
  }
  return pixels;
}

function paeth(left: number, up: number, corner: number): number {
  const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}
