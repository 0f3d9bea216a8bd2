/** Metres: places that are nearer to each other are one. */
const SNAP = 1;

/** The places of a file of roads, on a plane, and which of them are neighbours on a line. */
export class RoadVertices {
  readonly x: number[] = [];
  readonly y: number[] = [];
  readonly #neighbours: number[][] = [];
  #metres = 0;
  readonly #cells = new Map<string, number[]>();

  /** The vertex at a place, metres: one that is there already, or a new one. */
  at(x: number, y: number): number {
    const column = Math.floor(x / SNAP);
    const row = Math.floor(y / SNAP);
    for (let i = column - 1; i <= column + 1; i++) {
      for (let j = row - 1; j <= row + 1; j++) {
        for (const vertex of this.#cells.get(`${i} ${j}`) ?? []) {
          if (Math.hypot(this.x[vertex] - x, this.y[vertex] - y) <= SNAP) return vertex;
        }
      }
    }
    const vertex = this.x.push(x) - 1;
    this.y.push(y);
    this.#neighbours.push([]);
    const cell = this.#cells.get(`${column} ${row}`);
    if (cell === undefined) this.#cells.set(`${column} ${row}`, [vertex]);
    else cell.push(vertex);
    return vertex;
  }

  /** Metres of all lines, also of those that hang together with nothing. */
  get metres(): number {
    return this.#metres;
  }

  /** Two vertices follow each other on a line. */
  join(a: number, b: number): void {
    if (a === b || this.#neighbours[a].includes(b)) return;
    this.#neighbours[a].push(b);
    this.#neighbours[b].push(a);
    this.#metres += this.distance(a, b);
  }

  /** Metres. */
  distance(a: number, b: number): number {
    return Math.hypot(this.x[a] - this.x[b], this.y[a] - this.y[b]);
  }

  /** The lines from crossing to crossing, or to an end, of the longest part that hangs together. */
  chains(): number[][] {
    const part = this.#longestPart();
    const isCrossing = (vertex: number) => this.#neighbours[vertex].length !== 2;
    let starts = part.filter(isCrossing);
    // A ring alone has no crossing: it begins anywhere.
    if (starts.length === 0) starts = part.slice(0, 1);
    const chains: number[][] = [];
    for (const start of starts) {
      for (const neighbour of this.#neighbours[start]) {
        const chain = [start, neighbour];
        for (;;) {
          const last = chain[chain.length - 1];
          if (last === start || isCrossing(last)) break;
          const [one, other] = this.#neighbours[last];
          chain.push(one === chain[chain.length - 2] ? other : one);
        }
        // Each is met from both its ends, or, of a ring, both ways round.
        const [, second] = chain;
        const last = chain[chain.length - 1];
        const isFirst = start === last ? second <= chain[chain.length - 2] : start < last;
        if (isFirst) chains.push(chain);
      }
    }
    return chains;
  }

  #longestPart(): number[] {
    const seen = new Uint8Array(this.x.length);
    let longest: number[] = [];
    let most = 0;
    for (let root = 0; root < this.x.length; root++) {
      if (seen[root]) continue;
      seen[root] = 1;
      const part = [root];
      let metres = 0;
      for (let n = 0; n < part.length; n++) {
        for (const neighbour of this.#neighbours[part[n]]) {
          metres += this.distance(part[n], neighbour);
          if (seen[neighbour]) continue;
          seen[neighbour] = 1;
          part.push(neighbour);
        }
      }
      if (metres <= most) continue;
      most = metres;
      longest = part;
    }
    return longest;
  }
}
