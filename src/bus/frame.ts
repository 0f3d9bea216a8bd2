import type { Attributes, Position } from '../fix.ts';

// A long file: what writes a frame and what reads it stand side by side, as each must know the other's layout.

/** The first byte of every frame. Another layout gets another number, so that instances of two versions tell them apart. */
const VERSION = 1;
/** Version, publisher, sequence. */
const HEADER = 1 + 8 + 8;

const POSITION = 1;
const ADOPTED = 2;
const HEARD = 3;
const REMOVED = 4;
const BEAT = 5;
const LOST = 6;
/** Set in the kind of a position's record when attributes follow. */
const WITH_ATTRIBUTES = 0x80;

/** Bits of a position's fields that need not be there; four bits higher, that one takes eight bytes instead of four. */
const ACCURACY = 1;
const ALTITUDE = 2;
const HEADING = 4;
const SPEED = 8;
const WIDE = 4;

/** The most bytes of a record without its texts: an adopted position with all there is. */
const MOST = 128;
/** The most bytes of a text: its length takes two. */
const MAX_TEXT = 0xffff;
const FIRST_SIZE = 4_096;
/** What a writer keeps for good; a larger frame is rare, and its room is given back. */
const KEPT_SIZE = 1 << 20;

/** What came is no frame, or none of this version. What was read of it before is good. */
export class FrameError extends Error {
  override name = 'FrameError';
}

/** Who is told what a frame holds, in its order. */
export interface FrameSink {
  /**
   * @param publisher 16 hexadecimal digits @param seq of this publisher on this channel
   * @returns whether the rest is wanted
   */
  begin(publisher: string, seq: number): boolean;
  position(position: Position): void;
  /** The first of a new owner. @param before the lease key of the driver's last cell; −1: there was none */
  adopted(position: Position, before: number): void;
  /** Something was received of a driver that moved nothing. */
  heard(driverId: string): void;
  /** A driver went off duty. @param at epoch milliseconds */
  removed(driverId: string, at: number): void;
  /** How far a publisher's sequence is on the channel of a cell. @param cell lease key */
  beat(cell: number, seq: number): void;
  /** Something on this channel may have reached nobody. */
  lost(): void;
}

/**
 * Writes what is told on a channel, record after record, into one buffer that is used again for each frame. Numbers are
 * little-endian and come back bit for bit; but a −0 among attributes, which are JSON, comes back as 0.
 */
export class FrameWriter {
  #buffer = Buffer.allocUnsafeSlow(FIRST_SIZE);
  #view = viewOf(this.#buffer);
  #end = HEADER;
  /** Where the last record begins. */
  #start = HEADER;
  #publisher = '0000000000000000';
  #publisherBytes = Buffer.alloc(8);

  /** Of the frame as it is now. */
  get bytes(): number {
    return this.#end;
  }

  position(position: Position): void {
    this.#position(POSITION, position);
  }

  adopted(position: Position, before: number): void {
    this.#position(ADOPTED, position);
    this.#view.setInt32(this.#end, before, true);
    this.#end += 4;
  }

  heard(driverId: string): void {
    this.#reserve(MOST + 3 * driverId.length);
    this.#view.setUint8(this.#end++, HEARD);
    this.#text(driverId);
  }

  removed(driverId: string, at: number): void {
    this.#reserve(MOST + 3 * driverId.length);
    this.#view.setUint8(this.#end, REMOVED);
    this.#view.setFloat64(this.#end + 1, at, true);
    this.#end += 9;
    this.#text(driverId);
  }

  beat(cell: number, seq: number): void {
    this.#reserve(MOST);
    this.#view.setUint8(this.#end, BEAT);
    this.#view.setInt32(this.#end + 1, cell, true);
    this.#view.setFloat64(this.#end + 5, seq, true);
    this.#end += 13;
  }

  lost(): void {
    this.#reserve(MOST);
    this.#view.setUint8(this.#end++, LOST);
  }

  /**
   * The frame, and the writer is empty.
   *
   * @param publisher 16 hexadecimal digits, small letters
   */
  finish(publisher: string, seq: number): Buffer {
    if (publisher !== this.#publisher) {
      if (!/^[0-9a-f]{16}$/.test(publisher)) throw new RangeError('A publisher is 16 hexadecimal digits');
      this.#publisher = publisher;
      this.#publisherBytes = Buffer.from(publisher, 'hex');
    }
    this.#view.setUint8(0, VERSION);
    this.#publisherBytes.copy(this.#buffer, 1);
    this.#view.setFloat64(9, seq, true);
    const frame = Buffer.from(this.#buffer.subarray(0, this.#end));
    this.#end = HEADER;
    if (this.#buffer.length > KEPT_SIZE) this.#resize(KEPT_SIZE);
    return frame;
  }

  #position(kind: number, position: Position): void {
    const { accuracy, altitude, heading, speed, attributes } = position;
    // Whoever has none writes no text for it.
    const text = attributes === undefined ? undefined : JSON.stringify(attributes);
    this.#reserve(MOST + 3 * position.driverId.length + (text === undefined ? 0 : 3 * text.length));
    const start = this.#end;
    const view = this.#view;
    view.setUint8(start, text === undefined ? kind : kind | WITH_ATTRIBUTES);
    view.setFloat64(start + 2, position.lat, true);
    view.setFloat64(start + 10, position.lng, true);
    view.setFloat64(start + 18, position.timestamp, true);
    view.setFloat64(start + 26, position.receivedAt, true);
    this.#end = start + 34;
    let fields = 0;
    if (accuracy !== undefined) fields |= this.#number(accuracy, ACCURACY);
    if (altitude !== undefined) fields |= this.#number(altitude, ALTITUDE);
    if (heading !== undefined) fields |= this.#number(heading, HEADING);
    if (speed !== undefined) fields |= this.#number(speed, SPEED);
    view.setUint8(start + 1, fields);
    this.#text(position.driverId);
    if (text !== undefined) this.#text(text);
  }

  /** @returns the bits that say how it was written */
  #number(value: number, field: number): number {
    if (Math.fround(value) === value) {
      this.#view.setFloat32(this.#end, value, true);
      this.#end += 4;
      return field;
    }
    this.#view.setFloat64(this.#end, value, true);
    this.#end += 8;
    return field | (field << WIDE);
  }

  #text(text: string): void {
    const start = this.#end + 2;
    const length = this.#buffer.write(text, start);
    if (length > MAX_TEXT) {
      this.#end = this.#start;
      throw new RangeError('A text is too long for a frame');
    }
    this.#view.setUint16(this.#end, length, true);
    this.#end = start + length;
  }

  #reserve(bytes: number): void {
    this.#start = this.#end;
    const needed = this.#end + bytes;
    if (needed > this.#buffer.length) this.#resize(Math.max(needed, 2 * this.#buffer.length));
  }

  #resize(size: number): void {
    const buffer = Buffer.allocUnsafeSlow(size);
    this.#buffer.copy(buffer, 0, 0, this.#end);
    this.#buffer = buffer;
    this.#view = viewOf(buffer);
  }
}

/** Tells a sink what a frame holds, whatever the bytes: nothing is told that could not have been written. @throws {FrameError} */
export function readFrame(data: Buffer, sink: FrameSink): void {
  new FrameReader(data).read(sink);
}

class FrameReader {
  readonly #data: Buffer;
  readonly #view: DataView;
  #at = 0;

  constructor(data: Buffer) {
    this.#data = data;
    this.#view = viewOf(data);
  }

  read(sink: FrameSink): void {
    if (this.#data.length < HEADER) throw new FrameError('A frame is too short');
    if (this.#data[0] !== VERSION) throw new FrameError(`A frame has version ${this.#data[0]}, not ${VERSION}`);
    const seq = whole(this.#view.getFloat64(9, true));
    this.#at = HEADER;
    if (!sink.begin(this.#data.toString('hex', 1, 9), seq)) return;
    while (this.#at < this.#data.length) this.#record(sink);
  }

  #record(sink: FrameSink): void {
    const kind = this.#data[this.#at++];
    switch (kind) {
      case POSITION:
      case POSITION | WITH_ATTRIBUTES:
        sink.position(this.#position(kind));
        return;
      case ADOPTED:
      case ADOPTED | WITH_ATTRIBUTES: {
        const position = this.#position(kind);
        const before = this.#view.getInt32(this.#skip(4), true);
        if (before < -1) throw new FrameError('A frame has a cell that is none');
        sink.adopted(position, before);
        return;
      }
      case HEARD:
        sink.heard(this.#driverId());
        return;
      case REMOVED: {
        const at = whole(this.#view.getFloat64(this.#skip(8), true));
        sink.removed(this.#driverId(), at);
        return;
      }
      case BEAT: {
        const start = this.#skip(12);
        const cell = this.#view.getInt32(start, true);
        if (cell < 0) throw new FrameError('A frame has a cell that is none');
        sink.beat(cell, whole(this.#view.getFloat64(start + 4, true)));
        return;
      }
      case LOST:
        sink.lost();
        return;
      default:
        throw new FrameError(`A frame has a record of kind ${kind}`);
    }
  }

  #position(kind: number): Position {
    const start = this.#skip(33);
    const view = this.#view;
    const fields = view.getUint8(start);
    const lat = view.getFloat64(start + 1, true);
    const lng = view.getFloat64(start + 9, true);
    if (!(lat >= -90 && lat <= 90 && lng >= -180 && lng <= 180))
      throw new FrameError('A frame has a place that is none');
    const timestamp = whole(view.getFloat64(start + 17, true));
    const receivedAt = whole(view.getFloat64(start + 25, true));
    const accuracy = this.#number(fields, ACCURACY);
    const altitude = this.#number(fields, ALTITUDE);
    const heading = this.#number(fields, HEADING);
    const speed = this.#number(fields, SPEED);
    const driverId = this.#driverId();
    const attributes = kind & WITH_ATTRIBUTES ? this.#attributes() : undefined;
    return { driverId, lat, lng, timestamp, receivedAt, accuracy, altitude, heading, speed, attributes };
  }

  #number(fields: number, field: number): number | undefined {
    if ((fields & field) === 0) return undefined;
    const isWide = (fields & (field << WIDE)) !== 0;
    const start = this.#skip(isWide ? 8 : 4);
    const value = isWide ? this.#view.getFloat64(start, true) : this.#view.getFloat32(start, true);
    if (!Number.isFinite(value)) throw new FrameError('A frame has a number that is none');
    return value;
  }

  #driverId(): string {
    const id = this.#text();
    if (id === '') throw new FrameError('A frame has a driver without an id');
    return id;
  }

  #attributes(): Attributes {
    let value: unknown;
    try {
      value = JSON.parse(this.#text());
    } catch (error) {
      if (error instanceof FrameError) throw error;
      throw new FrameError('A frame has attributes that are no JSON');
    }
    if (!isFlat(value)) throw new FrameError('A frame has attributes that are none');
    return value;
  }

  #text(): string {
    const length = this.#view.getUint16(this.#skip(2), true);
    const start = this.#skip(length);
    return this.#data.toString('utf8', start, start + length);
  }

  /** @returns where the bytes that are passed over began */
  #skip(bytes: number): number {
    const start = this.#at;
    const end = start + bytes;
    if (end > this.#data.length) throw new FrameError('A frame is cut off');
    this.#at = end;
    return start;
  }
}

function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
}

/** Times and sequences are whole and not negative. */
function whole(value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) throw new FrameError('A frame has a time or sequence that is none');
  return value;
}

function isFlat(value: unknown): value is Attributes {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const attributes = value as Record<string, unknown>;
  for (const key in attributes) {
    const attribute = attributes[key];
    if (typeof attribute === 'object' || (typeof attribute === 'number' && !Number.isFinite(attribute))) return false;
  }
  return true;
}
