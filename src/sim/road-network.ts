import { MAX_CITY_RADIUS } from './city.ts';
import type { Random } from './random.ts';
import type { RoadLine } from './road-file.ts';
import { RoadVertices } from './road-vertices.ts';
import { ShortestPath } from './shortest-path.ts';
import type { Drawing, Place, Streets } from './streets.ts';
import { TangentPlane } from './tangent-plane.ts';

const DEGREES = 180 / Math.PI;

/**
 * Streets as a file of roads has them. Where lines share a place, there is a crossing; the part of a line between two
 * crossings is a street, with all its bends. What does not hang together with the most of it is left out. All streets
 * can be driven both ways. Streets 2n and 2n + 1 are the two ways of the same.
 */
export class RoadNetwork implements Streets {
  readonly plane: TangentPlane;
  readonly centre: { readonly lat: number; readonly lng: number };
  readonly radius: number;
  /** The share of the lines, by length, that hangs together and is driven on, 0 to 1. */
  readonly used: number;
  /** Of each street 2n: where its bends begin in the lists below, and, one further, where they end. */
  readonly #bends: number[] = [0];
  /** Metres on the plane, and metres from where the street begins. */
  readonly #x: number[] = [];
  readonly #y: number[] = [];
  readonly #metres: number[] = [];
  /** The crossing at which each street begins. */
  readonly #from: number[] = [];
  readonly #ways: number[][] = [];
  readonly #path: ShortestPath;

  /** @throws {RangeError} when the lines make no network */
  constructor(lines: readonly RoadLine[]) {
    this.centre = middleOf(lines);
    this.plane = new TangentPlane(this.centre.lat, this.centre.lng);
    const vertices = new RoadVertices();
    let radius = 0;
    for (const line of lines) {
      let last = -1;
      for (const [lng, lat] of line) {
        // Far behind the horizon the plane has no place for it.
        if (Math.abs(((lng - this.centre.lng + 540) % 360) - 180) > 10 || Math.abs(lat - this.centre.lat) > 10) {
          throw new RangeError(tooFar);
        }
        const [x, y] = this.plane.project(lat, lng);
        radius = Math.max(radius, Math.hypot(x, y));
        const vertex = vertices.at(x, y);
        if (last >= 0) vertices.join(last, vertex);
        last = vertex;
      }
    }
    if (radius > MAX_CITY_RADIUS) throw new RangeError(tooFar);
    this.radius = Math.max(radius, 1);
    const crossings = new Map<number, number>();
    const crossing = (vertex: number) => {
      let number = crossings.get(vertex);
      if (number === undefined) {
        number = this.#ways.push([]) - 1;
        crossings.set(vertex, number);
      }
      return number;
    };
    for (const chain of vertices.chains()) this.#add(chain, vertices, crossing);
    if (this.#from.length === 0) throw new RangeError('its lines are all shorter than a metre');
    let metres = 0;
    for (let street = 0; street < this.streets; street += 2) metres += this.length(street);
    this.used = Math.min(1, metres / vertices.metres);
    this.#path = new ShortestPath(this);
  }

  get crossings(): number {
    return this.#ways.length;
  }

  /** Streets, each way counted. */
  get streets(): number {
    return this.#from.length;
  }

  randomCrossing(random: Random): number {
    return Math.floor(random() * this.#ways.length);
  }

  ways(crossing: number): number {
    return this.#ways[crossing].length;
  }

  way(crossing: number, n: number): number {
    return this.#ways[crossing][n];
  }

  from(street: number): number {
    return this.#from[street];
  }

  to(street: number): number {
    return this.#from[street ^ 1];
  }

  back(street: number): number {
    return street ^ 1;
  }

  length(street: number): number {
    return this.#metres[this.#bends[(street >> 1) + 1] - 1];
  }

  place(street: number, metres: number, into: Place): void {
    const isBack = street % 2 === 1;
    const along = isBack ? this.length(street) - metres : metres;
    let low = this.#bends[street >> 1];
    let high = this.#bends[(street >> 1) + 1] - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      // At a bend one looks where one goes.
      if (isBack ? this.#metres[middle] < along : this.#metres[middle] <= along) low = middle;
      else high = middle;
    }
    const dx = this.#x[high] - this.#x[low];
    const dy = this.#y[high] - this.#y[low];
    const share = (along - this.#metres[low]) / (this.#metres[high] - this.#metres[low]);
    into.x = this.#x[low] + share * dx;
    into.y = this.#y[low] + share * dy;
    into.bearing = Math.atan2(isBack ? -dx : dx, isBack ? -dy : dy) * DEGREES;
  }

  route(street: number, target: number): number[] {
    return this.#path.find(street, target);
  }

  draw(): Drawing {
    const streets = Array.from({ length: this.#bends.length - 1 }, (_, n) => {
      const line: [number, number][] = [];
      for (let at = this.#bends[n]; at < this.#bends[n + 1]; at++) line.push([this.#x[at], this.#y[at]]);
      return line;
    });
    return { avenues: [], streets, water: [], parks: [] };
  }

  #add(chain: readonly number[], vertices: RoadVertices, crossing: (vertex: number) => number): void {
    let metres = 0;
    for (const [n, vertex] of chain.entries()) {
      if (n > 0) metres += vertices.distance(chain[n - 1], vertex);
      this.#x.push(vertices.x[vertex]);
      this.#y.push(vertices.y[vertex]);
      this.#metres.push(metres);
    }
    this.#bends.push(this.#x.length);
    for (const end of [chain[0], chain[chain.length - 1]]) {
      const number = crossing(end);
      this.#ways[number].push(this.#from.push(number) - 1);
    }
  }
}

const tooFar = `its roads must be within ${MAX_CITY_RADIUS / 1000} km of their middle`;

/** The mean of all places, whatever meridian they are on both sides of. */
function middleOf(lines: readonly RoadLine[]): { lat: number; lng: number } {
  const [[[firstLng]]] = lines;
  let lat = 0;
  let lng = 0;
  let count = 0;
  for (const line of lines) {
    for (const place of line) {
      lng += ((place[0] - firstLng + 540) % 360) - 180;
      lat += place[1];
      count++;
    }
  }
  return { lat: lat / count, lng: ((firstLng + lng / count + 540) % 360) - 180 };
}
