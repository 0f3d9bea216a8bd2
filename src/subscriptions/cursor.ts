/** A moment in the stream of one fleet's changes, and the question whose answer it marks. */
export interface Cursor {
  /** Tells the fleet's stream from any other, of this process or another. */
  readonly epoch: string;
  /** Number of changes to the fleet until then. */
  readonly revision: number;
  /** See `questionKey`; what no question has marks no answer. */
  readonly key: string;
  /** Metres by which what the client was told may be off where drivers were. */
  readonly minDisplacement: number;
  /** Where the driver was that the area goes around, when it was known. */
  readonly followed?: { readonly lat: number; readonly lng: number };
  /** Fingerprint of the drivers inside. */
  readonly members?: string;
}

/**
 * Keeps what a cursor says from who has it. It counts all changes of a fleet, which whoever may see a part of it must not be
 * able to: it would hear of every fix outside.
 */
export interface Seal {
  seal(cursor: string): string;
  /** What was sealed; `undefined` of anything else. */
  open(sealed: string): string | undefined;
}

/** The key of an answer that is not the whole of a question's. */
export const PART = 'part';

/** The cursor on the wire: of characters that a URL takes as they are, but for the comma, which it may have. */
export function writeCursor({ epoch, revision, key, minDisplacement, followed, members }: Cursor): string {
  let text = `${epoch}.${revision.toString(36)}~${key}`;
  if (minDisplacement > 0) text += `~d${minDisplacement}`;
  if (followed !== undefined) text += `~f${followed.lat},${followed.lng}`;
  if (members !== undefined) text += `~m${members}`;
  return text;
}

/** What a cursor says, or undefined when it is none. */
export function readCursor(text: string): Cursor | undefined {
  const match = PATTERN.exec(text);
  if (match === null) return undefined;
  const [, epoch, revision, key, minDisplacement = '0', lat, lng, members] = match;
  return {
    epoch,
    revision: Number.parseInt(revision, 36),
    key,
    minDisplacement: Number(minDisplacement),
    followed: lat === undefined ? undefined : { lat: Number(lat), lng: Number(lng) },
    members,
  };
}

const NUMBER = '-?[0-9.]{1,24}(?:e-?[0-9]{1,3})?';
const PATTERN = new RegExp(
  `^([\\w-]{1,64})\\.([0-9a-z]{1,11})~([0-9a-z-]{1,32})(?:~d(${NUMBER}))?(?:~f(${NUMBER}),(${NUMBER}))?(?:~m([0-9a-z-]{1,32}))?$`,
);
