import { cellToLatLng } from 'h3-js';

/** How one fleet is told from another in whatever text: what only it has, and where only it is. */
export interface Marks {
  /** In its attributes, their names, its subjects, its fleet's name. */
  readonly secret: string;
  /** With which all of its coordinates end. */
  readonly digits: string;
  /** With which the ids begin of drivers that only it has. */
  readonly ids: string;
  /** Its drivers are within this degree of latitude, and that of longitude; no other fleet is in either. */
  readonly lat: number;
  readonly lng: number;
}

const CELL = /"([0-9a-f]{15})"/g;

/** Hears all that one fleet's clients are told, to the byte, and notes what is another's. */
export class Ear {
  readonly #own: Marks;
  readonly #foreign: Marks;
  /** What was another's, and where it was heard. */
  readonly leaks: string[] = [];
  /** How often the fleet's own secret was heard, by where: an ear that hears nothing hears no leak. */
  readonly heard = new Map<string, number>();

  constructor(own: Marks, foreign: Marks) {
    this.#own = own;
    this.#foreign = foreign;
  }

  /**
   * @param where it was heard
   * @param asked what the client itself said, which an answer may repeat
   */
  hear(where: string, text: string, asked = ''): void {
    if (text.includes(this.#own.secret)) this.heard.set(where, (this.heard.get(where) ?? 0) + 1);
    const found = traceOf(this.#foreign, text, asked);
    if (found !== undefined) this.leaks.push(`${where}: ${found}, asked ${asked}: ${text.slice(0, 2_000)}`);
  }

  /** Hears what must be of nobody. */
  hearOfNobody(where: string, text: string): void {
    for (const { secret, ids } of [this.#own, this.#foreign]) {
      for (const mark of [secret, ids]) if (text.includes(mark)) this.leaks.push(`${where}: ${mark}`);
    }
  }
}

/** What in a text is of a fleet, if anything is. */
function traceOf({ secret, digits, ids, lat, lng }: Marks, text: string, asked: string): string | undefined {
  if (text.includes(secret)) return `the secret ${secret}`;
  if (text.includes(ids) && !asked.includes(ids)) return `an id of ${ids}`;
  const place = new RegExp(`\\d\\.\\d{3}${digits}|\\b(${lat}|${lng})\\.\\d{3}`).exec(text);
  if (place !== null) return `the place ${place[0]}`;
  for (const [, cell] of text.matchAll(CELL)) {
    const [y, x] = cellToLatLng(cell);
    if (Math.abs(y - lat - 0.5) < 1 && Math.abs(x - lng - 0.5) < 1) return `the cell ${cell}`;
  }
  return undefined;
}
