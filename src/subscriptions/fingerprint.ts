const double = new Float64Array(1);
const halves = new Uint32Array(double.buffer);

/**
 * Tells one sequence of numbers and texts from another by 64 bits, so that two that differ by chance are taken for
 * the same once in 10¹⁹ times. Two lanes of multiply and rotate, as in MurmurHash3 (Appleby, public domain). It is no
 * secret: who wants to can find two that agree.
 */
export class Fingerprint {
  #a = 0x9e3779b9 | 0;
  #b = 0x85ebca6b | 0;

  number(value: number): void {
    // −0 is 0.
    double[0] = value + 0;
    this.#mix(halves[0]);
    this.#mix(halves[1]);
  }

  text(value: string): void {
    this.#mix(value.length);
    for (let i = 0; i < value.length; i++) this.#mix(value.charCodeAt(i));
  }

  /** Takes in the members of a set, in whatever order they come. */
  members(values: Iterable<string>): void {
    let count = 0;
    let a = 0;
    let b = 0;
    for (const value of values) {
      const member = new Fingerprint();
      member.text(value);
      a = (a + finish(member.#a ^ member.#b)) | 0;
      b = (b + finish(member.#b + Math.imul(member.#a, 5))) | 0;
      count++;
    }
    this.#mix(count);
    this.#mix(a);
    this.#mix(b);
  }

  /** 64 bits in base 36. */
  toString(): string {
    const a = finish(this.#a ^ this.#b).toString(36);
    const b = finish(this.#b + Math.imul(this.#a, 5)).toString(36);
    return `${a}-${b}`;
  }

  #mix(word: number): void {
    const a = this.#a ^ Math.imul(rotate(Math.imul(word, 0xcc9e2d51), 15), 0x1b873593);
    const b = this.#b ^ Math.imul(rotate(Math.imul(word, 0x38b34ae5), 17), 0xa1e38b93);
    this.#a = (Math.imul(rotate(a, 13), 5) + 0xe6546b64) | 0;
    this.#b = (Math.imul(rotate(b, 11), 5) + 0x561ccd1b) | 0;
  }
}

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}

function finish(word: number): number {
  let mixed = word ^ (word >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
