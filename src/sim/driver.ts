import type { Attributes } from '../fix.ts';
import { memberSeed, pick, type Random, type Range, seededRandom, within } from './random.ts';
import { type Place, randomSpot, type Spot, type Streets, turnOf } from './streets.ts';

/** Metres per second: 18 to 50 km/h. */
export const SPEED: Range = [5, 14];
/** Metres per second per second. */
export const ACCELERATION = 1.8;
const BRAKING = 2.5;
/** Metres per second with which a corner is taken, or the street's end where one turns back. */
const CORNER_SPEED = 5;
const BACK_SPEED = 2;
/** Degrees: less is straight on, more is back. */
const STRAIGHT = 40;
const BACK = 150;
/** Seconds. */
const RED_LIGHT: Range = [5, 40];
const PICK_UP: Range = [10, 40];
const DROP_OFF: Range = [5, 20];
const RED_LIGHT_CHANCE = 0.15;
const STRAIGHT_CHANCE = 0.65;
/** Metres that are no distance. */
const NOTHING = 1e-6;

const VEHICLES = [
  { vehicle: 'sedan', seats: 4 },
  { vehicle: 'sedan', seats: 4 },
  { vehicle: 'suv', seats: 6 },
  { vehicle: 'van', seats: 8 },
] as const;

/** Free to be sent; on the way to a rider; with a rider. */
export type Status = 'available' | 'pickup' | 'busy';

/** Who wants to go from where to where. */
export interface Ride {
  readonly id: string;
  readonly from: Spot;
  readonly to: Spot;
}

/** A driver who moves along streets: anywhere while available, else to where its ride begins or ends. */
export interface Driver {
  readonly driverId: string;
  readonly random: Random;
  /** Metres per second where nothing slows it down, always the same. */
  readonly cruise: number;
  /** What identifies the car: as on a number plate. */
  readonly name: string;
  readonly vehicle: string;
  readonly seats: number;
  /** The street it is on, and metres from where that begins. */
  street: number;
  metres: number;
  /** Metres per second. */
  speed: number;
  /** Seconds still to stand. */
  wait: number;
  /** Metres on this street at which something comes: its end or the driver's goal. */
  end: number;
  /** Metres per second that it may have there. */
  endSpeed: number;
  /** Seconds to wait at the end of the street before it goes on; 0: the light is green. */
  red: number;
  /** The street after this one; -1 when the goal is on this one. */
  next: number;
  /** The streets after that, the last first; while available there are none, and it goes where it likes. */
  route: number[];
  status: Status;
  ride: Ride | undefined;
  /** What it tells of itself beside where it is. */
  attributes: Attributes;
}

/** A driver somewhere on the streets. The same seed and number give the same driver, however many others there are. */
export function createDriver(streets: Streets, seed: number, n: number, driverId: string): Driver {
  const random = seededRandom(memberSeed(seed, n));
  const { street, metres } = randomSpot(streets, random);
  const driver: Driver = {
    driverId,
    random,
    cruise: within(random, SPEED),
    ...pick(random, VEHICLES),
    name: plate(random),
    street,
    metres,
    speed: 0,
    wait: 0,
    end: 0,
    endSpeed: 0,
    red: 0,
    next: -1,
    route: [],
    status: 'available',
    ride: undefined,
    attributes: {},
  };
  tell(driver);
  look(streets, driver);
  driver.speed = driver.cruise * random();
  return driver;
}

/** Moves a driver on by some seconds. */
export function step(streets: Streets, driver: Driver, dtSeconds: number): void {
  let left = dtSeconds;
  while (left > 0) {
    if (driver.wait > 0) {
      const stood = Math.min(driver.wait, left);
      driver.wait -= stood;
      left -= stood;
    } else if (driver.end - driver.metres > NOTHING) left = drive(driver, left);
    else if (driver.next < 0) arrive(streets, driver);
    else if (driver.red > 0) {
      driver.wait = driver.red;
      driver.red = 0;
      driver.speed = 0;
    } else {
      driver.street = driver.next;
      driver.metres = 0;
      look(streets, driver);
    }
  }
}

/** Sends a driver to where a ride begins, or with a rider to where it ends. */
export function send(streets: Streets, driver: Driver, ride: Ride, status: 'pickup' | 'busy'): void {
  driver.ride = ride;
  driver.status = status;
  tell(driver);
  const street = nearerWay(streets, driver, goalOf(driver).street);
  driver.route = streets.route(driver.street, street, driver.random);
  driver.end = streets.length(driver.street);
  driver.next = driver.route.pop() as number;
  if (driver.red === 0) driver.endSpeed = speedInto(streets, driver);
}

/** Drives until time is up or the end is reached. @returns seconds left */
function drive(driver: Driver, seconds: number): number {
  const { cruise, endSpeed } = driver;
  const distance = driver.end - driver.metres;
  const v = driver.speed;
  const braking = v > endSpeed ? (v * v - endSpeed * endSpeed) / (2 * BRAKING) : 0;
  const free = distance - braking;
  let metres: number;
  let after: number;
  let time: number;
  if (free <= NOTHING) {
    // Harder than it likes, where it learnt late of what comes.
    metres = distance;
    after = endSpeed;
    time = (2 * distance) / (v + endSpeed);
  } else if (v < cruise - NOTHING) {
    // Until it is as fast as it likes, or must begin to brake.
    const until = (endSpeed * endSpeed + 2 * BRAKING * distance - v * v) / (2 * (ACCELERATION + BRAKING));
    metres = Math.min((cruise * cruise - v * v) / (2 * ACCELERATION), until, distance);
    after = Math.sqrt(v * v + 2 * ACCELERATION * metres);
    time = (after - v) / ACCELERATION;
  } else {
    metres = free;
    after = v;
    time = free / v;
  }
  if (time <= seconds) {
    driver.metres += metres;
    driver.speed = Math.min(after, cruise);
    return seconds - time;
  }
  const change = (after - v) / time;
  driver.metres += v * seconds + (change * seconds * seconds) / 2;
  driver.speed = v + change * seconds;
  return 0;
}

/** Looks ahead at the beginning of a street: where it ends, what comes then, and how fast that may be met. */
function look(streets: Streets, driver: Driver): void {
  const { random, route, street } = driver;
  driver.red = 0;
  const goal = driver.ride && goalOf(driver);
  if (goal !== undefined && route.length === 0) {
    driver.end = goal.street === street ? goal.metres : streets.length(street) - goal.metres;
    driver.next = -1;
    driver.endSpeed = 0;
    return;
  }
  driver.end = streets.length(street);
  driver.next = route.pop() ?? wander(streets, driver);
  driver.endSpeed = speedInto(streets, driver);
  if (random() < RED_LIGHT_CHANCE && isCrossing(streets, streets.to(street))) {
    driver.red = within(random, RED_LIGHT);
    driver.endSpeed = 0;
  }
}

function arrive(streets: Streets, driver: Driver): void {
  const { random, ride, status } = driver;
  driver.speed = 0;
  if (ride !== undefined && status === 'pickup') {
    driver.wait = within(random, PICK_UP);
    send(streets, driver, ride, 'busy');
    return;
  }
  driver.wait = within(random, DROP_OFF);
  driver.ride = undefined;
  driver.status = 'available';
  tell(driver);
  look(streets, driver);
}

/** Where the driver is to go; it has a ride. */
function goalOf({ ride, status }: Driver): Spot {
  return (ride as Ride)[status === 'pickup' ? 'from' : 'to'];
}

/** The way of a street whose beginning is nearer, so that one does not pass the goal and come back. */
function nearerWay(streets: Streets, driver: Driver, street: number): number {
  const back = streets.back(street);
  streets.place(driver.street, driver.metres, here);
  streets.place(street, 0, there);
  const one = Math.hypot(there.x - here.x, there.y - here.y);
  streets.place(back, 0, there);
  return Math.hypot(there.x - here.x, there.y - here.y) < one ? back : street;
}

const here: Place = { x: 0, y: 0, bearing: 0 };
const there: Place = { x: 0, y: 0, bearing: 0 };

/** Any way on, straight rather than to a side, and back only where there is no other. */
function wander(streets: Streets, { street, random }: Driver): number {
  const crossing = streets.to(street);
  const back = streets.back(street);
  const goesStraight = random() < STRAIGHT_CHANCE;
  let chosen = back;
  let alike = 0;
  let straightest = STRAIGHT;
  for (let n = streets.ways(crossing) - 1; n >= 0; n--) {
    const way = streets.way(crossing, n);
    if (way < 0 || way === back) continue;
    const turn = turnOf(streets, street, way);
    if (goesStraight && turn < straightest) {
      straightest = turn;
      chosen = way;
    } else if (!(goesStraight && straightest < STRAIGHT) && random() * ++alike < 1) chosen = way;
  }
  return chosen;
}

function speedInto(streets: Streets, driver: Driver): number {
  const turn = turnOf(streets, driver.street, driver.next);
  if (turn < STRAIGHT) return driver.cruise;
  return Math.min(driver.cruise, turn < BACK ? CORNER_SPEED : BACK_SPEED);
}

function isCrossing(streets: Streets, crossing: number): boolean {
  let count = 0;
  for (let n = streets.ways(crossing) - 1; n >= 0; n--) if (streets.way(crossing, n) >= 0) count++;
  return count > 2;
}

/** Made anew when something changes, and not for each fix. */
function tell(driver: Driver): void {
  const { name, vehicle, seats, status, ride } = driver;
  driver.attributes =
    ride === undefined ? { status, vehicle, seats, name } : { status, vehicle, seats, name, ride: ride.id };
}

const LETTERS = 'ABCDEFGHJKLMNPRSTUVWXYZ';

function plate(random: Random): string {
  const letters = Array.from({ length: 2 }, () => pick(random, [...LETTERS])).join('');
  return `${letters}-${Math.floor(within(random, [1000, 10_000]))}`;
}
