import { type FrameSink, FrameWriter, readFrame } from '../src/bus/frame.ts';
import type { Position } from '../src/fix.ts';
import { seededRandom } from '../src/sim/random.ts';
import { columns, times } from './columns.ts';
import { city, draw } from './places.ts';
import { type Job, measure, median, medianRatio, type Pace } from './rounds.ts';

/** Positions that are taken in turn. */
const POSITIONS = 1024;
/** Records of a frame: of a turn in which one fix came, and of a busy one. */
const SIZES = [1, 32];
const PUBLISHER = '0123456789abcdef';
const NOW = 1_750_000_000_000;

/**
 * What it takes to tell the other instances of a position, and to hear of one, next to JSON: a table.
 *
 * @param pace of each figure
 */
export async function codecTable(seed: number, pace: Pace): Promise<string> {
  const positions = somePositions(seed);
  const rows: string[][] = [];
  for (const size of SIZES) {
    const writer = new FrameWriter();
    const frames = framesOf(writer, positions, size);
    const texts = positions.map((position) => JSON.stringify(position));
    const jobs: readonly Job[] = [
      { run: (count) => encode(writer, positions, size, count) },
      { run: (count) => decode(frames, size, count) },
      { run: (count) => each(count, (n) => JSON.stringify(positions[n]).length) },
      { run: (count) => each(count, (n) => (JSON.parse(texts[n]) as Position).lat) },
    ];
    const [encoded, decoded, stringified, parsed] = await measure(
      jobs.map((job) => ({ ...job, least: size })),
      pace,
    );
    const bytes = frames.reduce((sum, { length }) => sum + length, 0) / (frames.length * size);
    const row = (what: string, rates: readonly number[], json: readonly number[], weight: string) => [
      `${what}, ${size} a frame`,
      `${(1e9 / median(rates)).toFixed(0)} ns`,
      `${(1e9 / median(json)).toFixed(0)} ns`,
      times(medianRatio(json, rates)),
      weight,
    ];
    rows.push(row('write', encoded, stringified, `${bytes.toFixed(0)} B`));
    rows.push(row('read', decoded, parsed, ''));
  }
  return columns([['a position of the bus', 'takes', 'JSON', 'of it', 'weighs']], rows, 1);
}

/** As drivers of a city send them. */
function somePositions(seed: number): Position[] {
  const random = seededRandom(seed);
  const { lats, lngs } = draw(city(), POSITIONS, random);
  const round = (value: number, unit: number) => Math.round(value * unit) / unit;
  return Array.from(lats, (lat, n) => ({
    driverId: `driver-${String(n).padStart(5, '0')}`,
    lat: round(lat, 1e7),
    lng: round(lngs[n], 1e7),
    timestamp: NOW + n,
    receivedAt: NOW + n + 40,
    accuracy: 5,
    altitude: undefined,
    heading: round(360 * random(), 10),
    speed: round(14 * random(), 100),
    attributes: { status: random() < 0.5 ? 'busy' : 'available', vehicle: 'sedan', seats: 4 },
  }));
}

function framesOf(writer: FrameWriter, positions: readonly Position[], size: number): Buffer[] {
  return Array.from({ length: positions.length / size }, (_, frame) => {
    for (let n = 0; n < size; n++) writer.position(positions[frame * size + n]);
    return writer.finish(PUBLISHER, frame);
  });
}

function encode(writer: FrameWriter, positions: readonly Position[], size: number, count: number): number {
  let bytes = 0;
  for (let n = 0; n < count; n++) {
    writer.position(positions[n % POSITIONS]);
    if (n % size === size - 1) bytes += writer.finish(PUBLISHER, n).length;
  }
  return bytes;
}

function decode(frames: readonly Buffer[], size: number, count: number): number {
  let sum = 0;
  const nobody = () => undefined;
  const hear: FrameSink = {
    begin: () => true,
    position: ({ lat }) => {
      sum += lat;
    },
    adopted: nobody,
    heard: nobody,
    removed: nobody,
    beat: nobody,
    lost: nobody,
  };
  for (let n = 0, frame = 0; n < count; n += size, frame++) readFrame(frames[frame % frames.length], hear);
  return sum;
}

function each(count: number, act: (n: number) => number): number {
  let sum = 0;
  for (let n = 0; n < count; n++) sum += act(n % POSITIONS);
  return sum;
}
