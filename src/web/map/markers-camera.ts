import { WORLD } from './markers-mercator.ts';

/** A 4 × 4 matrix, column by column. */
type Matrix = ArrayLike<number>;

/**
 * Where places are on the canvas, as of the last frame: by the map's matrix, told anew from the middle of the map, so
 * that what is near it keeps all its digits as single floats. A place is taken where it is nearest to that middle,
 * across the antimeridian too. Web Mercator alone; not the globe.
 */
export class MarkersCamera {
  /** The middle of the map, in whole units east and south. */
  readonly middle = new Uint32Array(2);
  /** What a unit east and a unit south are in clip space, and where the middle is. */
  readonly eastward = new Float32Array(4);
  readonly southward = new Float32Array(4);
  readonly origin = new Float32Array(4);
  #width = 0;
  #height = 0;

  /**
   * Takes over how the map is seen.
   *
   * @param matrix from pixels of the world to clip space
   * @param east, south the middle of the map, in worlds from the north-west corner; `east` may be in a copy of the world
   * @param worldSize pixels of the world's width
   * @param width, height CSS pixels of the canvas
   */
  look(matrix: Matrix, east: number, south: number, worldSize: number, width: number, height: number): void {
    const wholeEast = Math.floor(east * WORLD);
    const wholeSouth = Math.max(0, Math.min(WORLD - 1, Math.floor(south * WORLD)));
    this.middle[0] = wholeEast;
    this.middle[1] = wholeSouth;
    const unit = worldSize / WORLD;
    for (let i = 0; i < 4; i++) {
      this.eastward[i] = matrix[i] * unit;
      this.southward[i] = matrix[4 + i] * unit;
      this.origin[i] = matrix[i] * unit * wholeEast + matrix[4 + i] * unit * wholeSouth + matrix[12 + i];
    }
    this.#width = width;
    this.#height = height;
  }

  /** The square of how far a place is from a point of the canvas, in CSS pixels. */
  squaredDistance(east: number, south: number, x: number, y: number): number {
    // To the nearest copy of the world, as the shader's integers do.
    let e = east - this.middle[0];
    e -= Math.round(e / WORLD) * WORLD;
    const s = south - this.middle[1];
    const w = this.eastward[3] * e + this.southward[3] * s + this.origin[3];
    if (!(w > 0)) return Number.POSITIVE_INFINITY;
    const clipX = (this.eastward[0] * e + this.southward[0] * s + this.origin[0]) / w;
    const clipY = (this.eastward[1] * e + this.southward[1] * s + this.origin[1]) / w;
    const dx = ((clipX + 1) / 2) * this.#width - x;
    const dy = ((1 - clipY) / 2) * this.#height - y;
    return dx * dx + dy * dy;
  }
}
