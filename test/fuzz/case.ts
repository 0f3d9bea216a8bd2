import { Random } from '../support/random.ts';
import { bytesCase } from './bytes.ts';
import { framesCase } from './frames.ts';
import { handshakeCase } from './handshakes.ts';
import { messageCase } from './messages.ts';
import { requestCase } from './requests.ts';
import { tokenCase } from './tokens.ts';

/** A request of HTTP, its framing in order. In all cases text is bytes, one to a character; see `placeholder` too. */
export interface RequestCase {
  readonly kind: 'request' | 'token';
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body?: string;
  readonly chunked?: boolean;
  /** It has a token that nobody signed: it must be refused. */
  readonly forged?: boolean;
}

/** A message on a WebSocket that has authenticated. */
export interface MessageCase {
  readonly kind: 'message';
  /** Whose the connection is, if it is yet to be opened. */
  readonly as: string;
  readonly text: string;
  readonly binary?: boolean;
}

/** What is sent on a WebSocket as it is. */
export interface FramesCase {
  readonly kind: 'frames';
  readonly bytes: string;
}

/** A handshake of a WebSocket, and the first message. */
export interface HandshakeCase {
  readonly kind: 'handshake' | 'token';
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly first?: string;
  readonly forged?: boolean;
}

/** What is sent on a connection as it is, in pieces. */
export interface BytesCase {
  readonly kind: 'bytes';
  readonly pieces: readonly string[];
}

/** One thing that is done to the server: plain data, so that it can be printed, made smaller and done again. */
export type Case = RequestCase | MessageCase | FramesCase | HandshakeCase | BytesCase;
export type Kind = Case['kind'];

/** Kinds of cases, as often as each is to come. */
const DECK: readonly ((random: Random) => Case)[] = [
  ...Array(8).fill(messageCase),
  ...Array(6).fill(requestCase),
  ...Array(2).fill(framesCase),
  handshakeCase,
  ...Array(2).fill(bytesCase),
  tokenCase,
];

/** The case of a number: the same seed and number make the same case, whatever came before. */
export function caseOf(seed: number, number: number): Case {
  const random = new Random(Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(number + 1, 0xc2b2ae35));
  // Numbers in a row begin alike.
  random.next();
  return random.pick(DECK)(random);
}
