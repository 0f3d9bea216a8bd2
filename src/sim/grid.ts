import type { Attributes } from '../fix.ts';
import type { City, Direction } from './city.ts';
import { memberSeed, pick, type Random, type Range, seededRandom, within } from './random.ts';

/** Metres per second: 18 to 50 km/h. */
export const SPEED: Range = [5, 14];
/** Seconds. */
const RED_LIGHT: Range = [5, 40];
const PICK_UP: Range = [10, 40];
const DROP_OFF: Range = [5, 20];
/** Blocks driven. */
const WITHOUT_RIDER: Range = [5, 40];
const WITH_RIDER: Range = [8, 50];
const RED_LIGHT_CHANCE = 0.15;
const STRAIGHT_CHANCE = 0.65;

const VEHICLES = [
  { vehicle: 'sedan', seats: 4 },
  { vehicle: 'sedan', seats: 4 },
  { vehicle: 'suv', seats: 6 },
  { vehicle: 'van', seats: 8 },
] as const;

/** A driver who moves along the streets of a city. {@link step} changes it. */
export interface GridDriver {
  readonly driverId: string;
  readonly random: Random;
  /** Metres per second while moving, always the same. */
  readonly cruise: number;
  readonly vehicle: string;
  readonly seats: number;
  /** The crossing last passed, the direction taken there and the metres driven since. */
  i: number;
  j: number;
  direction: Direction;
  metres: number;
  /** Seconds still to stand. */
  wait: number;
  busy: boolean;
  /** Blocks to drive before the one in which the ride starts or ends. */
  blocksLeft: number;
  /** Metres into the present block at which the ride starts or ends; undefined when it does not in this block. */
  stopAt: number | undefined;
}

/** Where a driver is and how it moves, as a device would tell. */
export interface Reading {
  readonly lat: number;
  readonly lng: number;
  /** Degrees clockwise from true north; that of the street while standing. */
  readonly heading: number;
  /** Metres per second; 0 while standing. */
  readonly speed: number;
  readonly attributes: Attributes;
}

/** A driver somewhere on the grid. The same seed and number give the same driver, however many others there are. */
export function createDriver(city: City, seed: number, n: number, driverId: string): GridDriver {
  const random = seededRandom(memberSeed(seed, n));
  const [i, j] = city.randomCrossing(random);
  const direction = pick(
    random,
    ([0, 1, 2, 3] as const).filter((d) => city.leads(i, j, d)),
  );
  const busy = random() < 0.5;
  return {
    driverId,
    random,
    cruise: within(random, SPEED),
    ...pick(random, VEHICLES),
    i,
    j,
    direction,
    metres: random() * city.block(direction),
    wait: 0,
    busy,
    blocksLeft: blocks(random, busy),
    stopAt: undefined,
  };
}

/** Moves a driver on by some seconds. */
export function step(city: City, driver: GridDriver, dtSeconds: number): void {
  let left = dtSeconds;
  while (left > 0) {
    if (driver.wait > 0) {
      const stood = Math.min(driver.wait, left);
      driver.wait -= stood;
      left -= stood;
      continue;
    }
    const target = driver.stopAt ?? city.block(driver.direction);
    const seconds = (target - driver.metres) / driver.cruise;
    if (seconds > left) {
      driver.metres += driver.cruise * left;
      return;
    }
    left -= seconds;
    driver.metres = target;
    if (driver.stopAt === undefined) crossing(city, driver);
    else startOrEndRide(driver);
  }
}

/** What the driver's device reads now. */
export function read(city: City, driver: GridDriver): Reading {
  const { vehicle, seats } = driver;
  return {
    ...city.locate(driver.i, driver.j, driver.direction, driver.metres),
    speed: driver.wait > 0 ? 0 : driver.cruise,
    attributes: { status: driver.busy ? 'busy' : 'available', vehicle, seats },
  };
}

function crossing(city: City, driver: GridDriver): void {
  const { random } = driver;
  [driver.i, driver.j] = city.next(driver.i, driver.j, driver.direction);
  driver.metres = 0;
  driver.direction = turn(city, driver);
  if (random() < RED_LIGHT_CHANCE) driver.wait = within(random, RED_LIGHT);
  driver.blocksLeft--;
  if (driver.blocksLeft < 0) driver.stopAt = random() * city.block(driver.direction);
}

function turn(city: City, driver: GridDriver): Direction {
  const { i, j, direction, random } = driver;
  if (city.leads(i, j, direction) && random() < STRAIGHT_CHANCE) return direction;
  const left = ((direction + 3) % 4) as Direction;
  const right = ((direction + 1) % 4) as Direction;
  const open = [left, right].filter((d) => city.leads(i, j, d));
  if (open.length > 0) return pick(random, open);
  // At the edge of the city the only way may be back.
  return city.leads(i, j, direction) ? direction : (((direction + 2) % 4) as Direction);
}

function startOrEndRide(driver: GridDriver): void {
  const { random } = driver;
  driver.wait = within(random, driver.busy ? DROP_OFF : PICK_UP);
  driver.busy = !driver.busy;
  driver.blocksLeft = blocks(random, driver.busy);
  driver.stopAt = undefined;
}

function blocks(random: Random, busy: boolean): number {
  return Math.floor(within(random, busy ? WITH_RIDER : WITHOUT_RIDER));
}
