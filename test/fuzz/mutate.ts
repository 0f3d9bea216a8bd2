import type { Random } from '../support/random.ts';
import { KEYS, NUMERALS, nasty, nastyString, Raw } from './nasty.ts';

/** A place in a value: what holds it, and by which key. */
interface Spot {
  readonly holder: Record<string | number, unknown>;
  readonly key: string | number;
}

/** Spots of a value that are looked at, at the most. */
const MAX_SPOTS = 300;

/** Changes a value in one place, or as a whole; what it is given may be changed too. */
export function mutate(value: unknown, random: Random): unknown {
  const root = { value };
  const spots: Spot[] = [];
  collect(root, spots);
  // What is wrong as a whole is refused before anybody looks into it.
  const { holder, key } = spots[random.below(10) === 0 ? 0 : random.below(spots.length)];
  const old = holder[key];
  switch (random.below(12)) {
    case 0:
    case 1:
    case 2:
      holder[key] = nasty(random);
      break;
    case 3:
      if (holder !== root && !Array.isArray(holder)) delete holder[key];
      break;
    case 4:
      if (isObject(old)) add(old, random.pick(KEYS), nasty(random));
      else holder[key] = [old];
      break;
    case 5:
      // The same key twice: which one counts?
      if (isObject(old) && Object.keys(old).length > 0) {
        const twice = random.pick(Object.keys(old));
        const inside = Object.entries(old).map(([name, own]) => `${JSON.stringify(name)}:${write(own)}`);
        holder[key] = new Raw(`{${[...inside, `${JSON.stringify(twice)}:${write(nasty(random))}`].join()}}`);
      } else holder[key] = new Raw(random.pick(NUMERALS));
      break;
    case 6:
      holder[key] = wrapped(old, random.pick([1, 2, 50, 3000]), random);
      break;
    case 7: {
      const other = random.pick(spots);
      if (other.holder !== root && holder !== root) [holder[key], other.holder[other.key]] = ['swapped', write(old)];
      break;
    }
    case 8:
      if (Array.isArray(old)) holder[key] = random.below(2) === 0 ? [] : [...old, ...old];
      else if (typeof old === 'number') holder[key] = -old;
      else holder[key] = write(old);
      break;
    case 9:
      if (typeof old === 'number') holder[key] = old * random.pick([10, 1e6, 1e-9, 1e300]);
      else if (typeof old === 'string') holder[key] = old + nastyString(random);
      else holder[key] = {};
      break;
    case 10:
      holder[key] = nastyString(random);
      break;
    default:
      if (isObject(old)) for (let i = 0; i < 40; i++) add(old, `k${i}`, nastyString(random));
      else holder[key] = random.pick([true, null, '', 0, [], {}]);
  }
  return root.value;
}

/** `__proto__` by assignment would be lost. */
function add(object: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}

function collect(holder: object, spots: Spot[]): void {
  for (const key of Object.keys(holder)) {
    if (spots.length >= MAX_SPOTS) return;
    const value = (holder as Record<string, unknown>)[key];
    spots.push({ holder: holder as Record<string, unknown>, key });
    if (typeof value === 'object' && value !== null && !(value instanceof Raw)) collect(value, spots);
  }
}

function wrapped(value: unknown, depth: number, random: Random): Raw {
  const [open, close] = random.below(2) === 0 ? ['[', ']'] : ['{"a":', '}'];
  return new Raw(open.repeat(depth) + write(value) + close.repeat(depth));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Raw);
}

/** Writes a value as JSON, its raw pieces as they stand. */
export function write(value: unknown): string {
  if (value instanceof Raw) return value.text;
  if (Array.isArray(value)) return `[${value.map(write).join()}]`;
  if (isObject(value)) {
    const inside = Object.keys(value).map((key) => `${JSON.stringify(key)}:${write(value[key])}`);
    return `{${inside.join()}}`;
  }
  // Negative zero and undefined have no JSON; what is said of them is what a careless client would write.
  return Object.is(value, -0) ? '-0' : (JSON.stringify(value) ?? 'undefined');
}

const PIECES = ['\0', '\xff', '\xc3\x28', '\xed\xa0\x80', '\xef\xbb\xbf', '//x', "'", ',', ']', '}', '\\u0000', '\r\n'];

/** Changes bytes without regard to what they say. @param bytes each character is one */
export function garble(bytes: string, random: Random): string {
  const at = random.below(bytes.length + 1);
  switch (random.below(7)) {
    case 0:
      return bytes.slice(0, at);
    case 1:
      return bytes.slice(0, at) + random.pick(PIECES) + bytes.slice(at);
    case 2:
      return bytes.slice(0, at) + bytes.slice(at + 1 + random.below(4));
    case 3:
      return bytes.slice(0, at) + String.fromCharCode(random.below(256)) + bytes.slice(at + 1);
    case 4:
      return bytes + bytes;
    case 5:
      return bytes.slice(0, at) + bytes.slice(at, at + 20).repeat(random.pick([2, 100])) + bytes.slice(at);
    default:
      return random.pick(PIECES) + bytes;
  }
}

/** Text as bytes, one to a character: what all cases are made of. */
export function bytesOf(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}
