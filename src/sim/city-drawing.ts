import type { City } from './city.ts';
import type { Drawing, Line } from './streets.ts';

/** Metres between two places of a line: a longer one would depart from the street, as maps bend what is straight. */
const STEP = 250;
/** Metres of water beside a city that is given a width. */
const WATER = 1_100;
/** Metres from the middle of the last avenue to the water. */
const QUAY = 60;
/** Metres from the middle of a street to a park. */
const KERB = 12;
/** Metres between two streets that are wide, at the most. */
const WIDE = 450;
/** One block in so many is a park. */
const PARKS = 29;
/** No more are drawn; nor are they of a city that has more blocks than can be looked through. */
const MAX_PARKS = 2_000;
const MAX_BLOCKS = 1_000_000;

/** What a map of a city shows: its streets, blocks of green, and the water beside it. */
export function drawCity(city: City): Drawing {
  const { blockLength, blockWidth, radius, width } = city.settings;
  const avenues: Line[] = [];
  const streets: Line[] = [];
  for (let i = -city.columns; i <= city.columns; i++) {
    const reach = Math.floor(Math.sqrt(Math.max(0, radius ** 2 - (i * blockWidth) ** 2)) / blockLength);
    const line = straight(reach * blockLength, (along) => city.turned(i * blockWidth, along));
    if (reach > 0) (isWide(i, blockWidth) ? avenues : streets).push(line);
  }
  for (let j = -city.rows; j <= city.rows; j++) {
    const across = Math.floor(Math.sqrt(Math.max(0, radius ** 2 - (j * blockLength) ** 2)) / blockWidth);
    const reach = Math.min(across, city.columns);
    const line = straight(reach * blockWidth, (metres) => city.turned(metres, j * blockLength));
    if (reach > 0) (isWide(j, blockLength) ? avenues : streets).push(line);
  }
  return {
    avenues,
    streets,
    water: width === undefined ? [] : [-1, 1].map((side) => shore(city, side, city.columns * blockWidth + QUAY)),
    parks: parksOf(city),
  };
}

/** Whether a street is a wide one: as far from the next as they are in most cities, whatever is between. */
function isWide(n: number, block: number): boolean {
  return n % Math.max(1, Math.floor(WIDE / block)) === 0;
}

/** A line from `-reach` to `reach` metres. */
function straight(reach: number, place: (metres: number) => [number, number]): Line {
  const parts = Math.max(1, Math.ceil((2 * reach) / STEP));
  return Array.from({ length: parts + 1 }, (_, n) => place(((2 * n) / parts - 1) * reach));
}

/** The water on one side, longer than the city. */
function shore(city: City, side: number, begin: number): Line {
  const reach = city.settings.radius * 2;
  const near = straight(reach, (along) => city.turned(side * begin, along));
  const far = straight(reach, (along) => city.turned(side * (begin + WATER), along));
  return [...near, ...far.toReversed(), near[0]];
}

function parksOf(city: City): Line[] {
  const { blockLength, blockWidth } = city.settings;
  const parks: Line[] = [];
  if (4 * city.columns * city.rows > MAX_BLOCKS || Math.min(blockLength, blockWidth) <= 3 * KERB) return parks;
  for (let i = -city.columns; i < city.columns; i++) {
    for (let j = -city.rows; j < city.rows && parks.length < MAX_PARKS; j++) {
      const isWhole = city.has(i, j) && city.has(i + 1, j) && city.has(i, j + 1) && city.has(i + 1, j + 1);
      if (!isWhole || scattered(i, j) % PARKS !== 0) continue;
      const [west, east] = [i * blockWidth + KERB, (i + 1) * blockWidth - KERB];
      const [south, north] = [j * blockLength + KERB, (j + 1) * blockLength - KERB];
      const corners = [
        [west, south],
        [east, south],
        [east, north],
        [west, north],
        [west, south],
      ];
      parks.push(corners.map(([across, along]) => city.turned(across, along)));
    }
  }
  return parks;
}

/** A whole number that has no pattern to the eye, always the same for the same block. */
function scattered(i: number, j: number): number {
  let mixed = Math.imul(i ^ 0x9e3779b9, 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13) ^ j, 0xc2b2ae35);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x27d4eb2f);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}
