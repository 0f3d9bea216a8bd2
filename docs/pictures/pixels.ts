import { decode, encode } from 'fast-png';
import gifenc from 'gifenc';

const { applyPalette, GIFEncoder, quantize } = gifenc;

/** Colours that a palette can have. */
const COLOURS = 256;
/** Those that are most frequent in a picture of a page, in it as they are. */
const KEPT = 176;
type Colour = [red: number, green: number, blue: number];

/** A frame of an animation leaves what is below it. */
const KEEP = 1;

interface Image {
  readonly width: number;
  readonly height: number;
  /** RGBA. */
  readonly pixels: Uint8Array;
}

/** The same PNG with a palette, which makes pictures of pages some three times as small. */
export function withPalette(png: Uint8Array): Uint8Array {
  const { width, height, pixels } = read(png);
  const palette = paletteOf(pixels);
  const indexes = new Map(palette.map(([red, green, blue], index) => [(red << 16) | (green << 8) | blue, index]));
  const data = new Uint8Array(width * height);
  for (let n = 0; n < data.length; n++) {
    const colour = colourAt(pixels, n * 4);
    let index = indexes.get(colour);
    if (index === undefined) {
      index = nearest(palette, colour);
      indexes.set(colour, index);
    }
    data[n] = index;
  }
  return encode({ width, height, data, palette, channels: 1, depth: 8 }, { zlib: { level: 9 } });
}

/** An animation, as GIF, of PNGs of the same size. @param delay milliseconds of each */
export function animate(pngs: readonly Uint8Array[], delay: number): Uint8Array {
  const frames = pngs.length;
  const palette = quantize(
    joined([0, frames >> 1, frames - 2, frames - 1].map((n) => read(pngs[n]).pixels)),
    COLOURS - 1,
  );
  const unchanged = palette.length;
  const gif = GIFEncoder();
  let before: Uint8Array | undefined;
  for (const png of pngs) {
    const { width, height, pixels } = read(png);
    const indexes = applyPalette(pixels, palette);
    // What did not change is transparent, which is shorter.
    const shown =
      before === undefined ? indexes : indexes.map((index, n) => (index === before?.[n] ? unchanged : index));
    gif.writeFrame(shown, width, height, {
      palette: before === undefined ? [...palette, [0, 0, 0]] : undefined,
      delay,
      transparent: true,
      transparentIndex: unchanged,
      dispose: KEEP,
    });
    before = indexes;
  }
  gif.finish();
  return gif.bytes();
}

/** Surfaces and their shadows keep their colours, so that these fade evenly; edges share what is left. */
function paletteOf(pixels: Uint8Array): Colour[] {
  const counts = new Map<number, number>();
  for (let at = 0; at < pixels.length; at += 4) {
    const colour = colourAt(pixels, at);
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
  }
  const kept = [...counts].sort((a, b) => b[1] - a[1]).slice(0, KEPT);
  for (const [colour] of kept) counts.delete(colour);
  const others: number[] = [];
  for (const [colour, count] of counts) {
    for (let n = 0; n < count; n++) others.push(colour >> 16, (colour >> 8) & 255, colour & 255, 255);
  }
  const shared = others.length === 0 ? [] : quantize(Uint8Array.from(others), COLOURS - kept.length);
  return [...kept.map(([colour]): Colour => [colour >> 16, (colour >> 8) & 255, colour & 255]), ...shared];
}

function nearest(palette: readonly Colour[], colour: number): number {
  let least = Number.POSITIVE_INFINITY;
  let index = 0;
  for (const [n, [red, green, blue]] of palette.entries()) {
    const distance = (red - (colour >> 16)) ** 2 + (green - ((colour >> 8) & 255)) ** 2 + (blue - (colour & 255)) ** 2;
    if (distance >= least) continue;
    least = distance;
    index = n;
  }
  return index;
}

function colourAt(pixels: Uint8Array, at: number): number {
  return (pixels[at] << 16) | (pixels[at + 1] << 8) | pixels[at + 2];
}

function read(png: Uint8Array): Image {
  const { width, height, channels, data } = decode(png);
  const pixels = new Uint8Array(width * height * 4).fill(255);
  for (let from = 0, to = 0; from < data.length; from += channels, to += 4) {
    for (let n = 0; n < channels; n++) pixels[to + n] = data[from + n];
  }
  return { width, height, pixels };
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
