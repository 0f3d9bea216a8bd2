/** A moment in the stream of one fleet's changes. */
export interface Moment {
  /** Tells the fleet's stream from any other, of this process or another. */
  readonly epoch: string;
  /** Number of changes to the fleet until then. */
  readonly revision: number;
}

/** A moment, and the question whose answer it marks. */
export interface Cursor extends Moment {
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
 * Keeps the moment of a cursor from who has it. It counts all changes of a fleet, which whoever may see a part of it must not be
 * able to: it would hear of every fix outside.
 */
export interface Seal {
  /** As long for any moment as for any other: 22 characters of base64url. */
  seal(moment: Moment): string;
  /** What was sealed; some other moment, of no fleet, or `undefined`, of anything else. */
  open(sealed: string): Moment | undefined;
}

/** The key of an answer that is not the whole of a question's. */
export const PART = 'part';

/** The cursor on the wire: of characters that a URL takes as they are, but for the comma, which it may have. */
export function writeCursor(cursor: Cursor, seal?: Seal): string {
  const { epoch, revision, key, minDisplacement, followed, members } = cursor;
  let text = seal === undefined ? `${epoch}.${revision.toString(36)}` : `.${seal.seal(cursor)}`;
  text += `~${key}`;
  if (minDisplacement > 0) text += `~d${minDisplacement}`;
  if (followed !== undefined) text += `~f${followed.lat},${followed.lng}`;
  if (members !== undefined) text += `~m${members}`;
  return text;
}

/** What a cursor says, or undefined when it is none. @param seal of its moment, which must be sealed then */
export function readCursor(text: string, seal?: Seal): Cursor | undefined {
  const match = PATTERN.exec(seal === undefined ? text : opened(text, seal));
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

/** A cursor with its moment in the open; of one that is not sealed nothing is left. */
function opened(text: string, seal: Seal): string {
  const match = SEALED.exec(text);
  const moment = match === null ? undefined : seal.open(match[1]);
  if (match === null || moment === undefined) return '';
  return `${moment.epoch}.${moment.revision.toString(36)}${match[2]}`;
}

const SEALED = /^\.([\w-]{22})(~.*)$/s;
const NUMBER = '-?[0-9.]{1,24}(?:e-?[0-9]{1,3})?';
const PATTERN = new RegExp(
  `^([\\w-]{1,64})\\.([0-9a-z]{1,11})~([0-9a-z-]{1,32})(?:~d(${NUMBER}))?(?:~f(${NUMBER}),(${NUMBER}))?(?:~m([0-9a-z-]{1,32}))?$`,
);
