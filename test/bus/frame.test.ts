import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FrameError, type FrameSink, FrameWriter, readFrame } from '../../src/bus/frame.ts';
import type { Position } from '../../src/fix.ts';
import { fixSchema, toFix } from '../../src/protocol/fix.ts';
import { seeded } from '../support/random.ts';
import { character } from './characters.ts';

type Told = readonly [what: keyof FrameSink, ...unknown[]];

/** Writes down all that it is told. */
class Diary implements FrameSink {
  readonly told: Told[] = [];

  begin(publisher: string, seq: number): boolean {
    this.told.push(['begin', publisher, seq]);
    return true;
  }
  position(position: Position): void {
    this.told.push(['position', position]);
  }
  adopted(position: Position, before: number): void {
    this.told.push(['adopted', position, before]);
  }
  heard(driverId: string): void {
    this.told.push(['heard', driverId]);
  }
  removed(driverId: string, at: number): void {
    this.told.push(['removed', driverId, at]);
  }
  beat(cell: number, seq: number): void {
    this.told.push(['beat', cell, seq]);
  }
  lost(): void {
    this.told.push(['lost']);
  }
}

function write(writer: FrameWriter, [what, ...rest]: Told): void {
  (writer[what as 'position'] as (...of: unknown[]) => void).apply(writer, rest);
}

function read(frame: Buffer): Told[] {
  const diary = new Diary();
  readFrame(frame, diary);
  return diary.told;
}

const number = (min?: number, max?: number) => fc.double({ min, max, noNaN: true, noDefaultInfinity: true });
const moment = fc.oneof(fc.maxSafeNat(), fc.constant(Number.MAX_SAFE_INTEGER), fc.constant(1763766000000));
const text = (maxLength: number) => fc.string({ unit: character, minLength: 1, maxLength });
// Attributes are JSON, in which no -0 is written.
const attribute = fc.oneof(
  text(256),
  fc.boolean(),
  number().map((value) => value + 0),
);

/** Every position that the API accepts: it is its schema that judges. */
const position = fc
  .record({
    driverId: fc.oneof(text(128), fc.constantFrom('d', 'driver-xyz-789', 'ä'.repeat(128), '🚕'.repeat(64))),
    latitude: number(-90, 90),
    longitude: number(-180, 180),
    timestamp: moment,
    accuracy: fc.option(number(0), { nil: undefined }),
    altitude: fc.option(number(), { nil: undefined }),
    heading: fc.option(number(0, 360), { nil: undefined }),
    speed: fc.option(fc.oneof(number(0), fc.constantFrom(0, -0, 0.5, 8.2)), { nil: undefined }),
    attributes: fc.option(fc.dictionary(text(64), attribute, { maxKeys: 16 }), { nil: undefined }),
  })
  .filter((fix) => fixSchema.safeParse(fix).success)
  .chain((fix) => moment.map((receivedAt) => ({ ...toFix(fix, fix.driverId), receivedAt }) as Position));

const driverId = position.map((each) => each.driverId);
const cell = fc.integer({ min: 0, max: 2 ** 31 - 1 });

const record: fc.Arbitrary<Told> = fc.oneof(
  position.map((each): Told => ['position', each]),
  fc.tuple(position, fc.oneof(cell, fc.constant(-1))).map(([each, before]): Told => ['adopted', each, before]),
  driverId.map((id): Told => ['heard', id]),
  fc.tuple(driverId, moment).map(([id, at]): Told => ['removed', id, at]),
  fc.tuple(cell, moment).map(([of, seq]): Told => ['beat', of, seq]),
  fc.constant<Told>(['lost']),
);
const publisher = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((id) => id.toString(16).padStart(16, '0'));

const { seed } = seeded('frames');

test('a frame holds what was written, bit for bit and in order, and its writer is empty again', () => {
  const writer = new FrameWriter();
  const empty = writer.bytes;
  fc.assert(
    fc.property(publisher, moment, fc.array(record, { maxLength: 20 }), (from, seq, records) => {
      expect(writer.bytes).toBe(empty);
      for (const each of records) write(writer, each);
      expect(writer.bytes === empty).toBe(records.length === 0);
      const size = writer.bytes;
      const frame = writer.finish(from, seq);
      expect(frame.length).toBe(size);
      // What is written next must not reach a frame that is finished.
      write(writer, ['heard', 'somebody else']);
      writer.finish(from, seq + 1);
      expect(read(frame)).toEqual([['begin', from, seq], ...records]);
    }),
    { seed, numRuns: 150 },
  );
});

test('a frame may be of any size, and a writer gives the room of a large one back', () => {
  const writer = new FrameWriter();
  const big: Position = {
    driverId: 'd',
    lat: -0,
    lng: 1 / 3,
    timestamp: 1,
    receivedAt: 2,
    attributes: Object.fromEntries(
      Array.from({ length: 16 }, (_, i) => [`${i}`.padEnd(64, '\u0001'), '\u0001'.repeat(256)]),
    ),
  };
  for (let i = 0; i < 200; i++) writer.position(big);
  const frame = writer.finish('00000000000000ff', 7);
  expect(frame.length).toBeGreaterThan(5_000_000);
  const [, ...told] = read(frame);
  expect(told).toHaveLength(200);
  expect(told.at(-1)).toEqual(['position', big]);
  writer.lost();
  expect(read(writer.finish('00000000000000ff', 8))).toEqual([['begin', '00000000000000ff', 8], ['lost']]);
});

test('a text that is too long is refused whole', () => {
  const writer = new FrameWriter();
  writer.heard('before');
  const attributes = { text: 'x'.repeat(70_000) };
  expect(() => writer.position({ driverId: 'd', lat: 0, lng: 0, timestamp: 0, receivedAt: 0, attributes })).toThrow(
    RangeError,
  );
  writer.heard('after');
  expect(read(writer.finish('0'.repeat(16), 0)).slice(1)).toEqual([
    ['heard', 'before'],
    ['heard', 'after'],
  ]);
});

test('a reader that wants no more is told no more', () => {
  const writer = new FrameWriter();
  writer.lost();
  const diary = new Diary();
  diary.begin = () => false;
  readFrame(writer.finish('0'.repeat(16), 0), diary);
  expect(diary.told).toEqual([]);
});

test('a frame of another version says so', () => {
  const frame = new FrameWriter().finish('0'.repeat(16), 0);
  frame[0] = 2;
  expect(() => read(frame)).toThrow(new FrameError('A frame has version 2, not 1'));
});

test('a publisher that is no 16 digits is refused', () => {
  for (const wrong of ['', 'abc', 'x'.repeat(16), 'F'.repeat(16)]) {
    expect(() => new FrameWriter().finish(wrong, 0)).toThrow(RangeError);
  }
});

/** What a sink can be told: nothing else may be, whatever the bytes. */
function expectSound(told: readonly Told[]): void {
  for (const [what, subject, of] of told) {
    if (what === 'position' || what === 'adopted') {
      const { latitude, longitude, ...rest } = { ...(subject as Position), latitude: 0, longitude: 0 };
      expect(Math.abs(rest.lat)).toBeLessThanOrEqual(90);
      expect(Math.abs(rest.lng)).toBeLessThanOrEqual(180);
      expect(Number.isSafeInteger(rest.timestamp) && Number.isSafeInteger(rest.receivedAt)).toBe(true);
      for (const field of [rest.accuracy, rest.altitude, rest.heading, rest.speed]) {
        expect(field === undefined || Number.isFinite(field)).toBe(true);
      }
      for (const value of Object.values(rest.attributes ?? {})) {
        expect(['string', 'number', 'boolean']).toContain(typeof value);
      }
    }
    if (what === 'removed') expect(Number.isSafeInteger(of) && (of as number) >= 0).toBe(true);
    if (what === 'beat') expect((subject as number) >= 0 && Number.isSafeInteger(of)).toBe(true);
  }
}

/** Reads bytes that may be anything. @returns whether they were a frame */
function survives(bytes: Buffer): boolean {
  const diary = new Diary();
  try {
    readFrame(bytes, diary);
    return true;
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
    return false;
  } finally {
    expectSound(diary.told);
    // Each record takes a byte at least.
    expect(diary.told.length).toBeLessThanOrEqual(bytes.length);
  }
}

test('garbage is refused, and nothing senseless is told of it', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (bytes, isLikely) => {
      const garbage = Buffer.from(bytes);
      if (isLikely && garbage.length > 17) {
        garbage[0] = 1;
        garbage.writeDoubleLE(12, 9);
        garbage[17] = 1 + (garbage[17] % 6);
      }
      survives(garbage);
    }),
    { seed, numRuns: 2_000 },
  );
});

test('a frame that was cut off or damaged is refused, or is one that could have been written', () => {
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 4 }), fc.nat(), fc.nat(255), (records, where, byte) => {
      const writer = new FrameWriter();
      for (const each of records) write(writer, each);
      const frame = writer.finish('0123456789abcdef', 3);
      const ends = new Set<number>();
      for (let end = 0; end < frame.length; end++) {
        if (survives(frame.subarray(0, end))) ends.add(end);
      }
      // It can be cut off between two records alone.
      expect(ends.size).toBeLessThanOrEqual(records.length);
      frame[where % frame.length] = byte;
      survives(frame);
    }),
    { seed, numRuns: 25 },
  );
});

test('a fault of whoever is told is not taken for one of the frame', () => {
  const writer = new FrameWriter();
  writer.lost();
  const diary = new Diary();
  diary.lost = () => {
    throw new TypeError('mine');
  };
  expect(() => readFrame(writer.finish('0'.repeat(16), 0), diary)).toThrow(new TypeError('mine'));
});
