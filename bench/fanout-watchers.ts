// Watchers of the fan-out bench, in a process of its own: they hear, believe, and take the time.
import { mintToken } from '../src/auth/tokens.ts';
import { machineTime } from './clock.ts';
import { driverOf } from './fanout-plan.ts';
import { instanceOf, roomsOf, type Target } from './fanout-targets.ts';
import { FrameClient } from './frame-client.ts';
import { Histogram } from './histogram.ts';
import { answerParent, optionsOfParent } from './in-child.ts';
import type { Circle } from './watcher.ts';

/** What they are started with. */
export interface WatchersOptions {
  readonly targets: readonly Target[];
  readonly circles: readonly Circle[];
  /** Of each circle the instance that its watcher is connected to, taken modulo how many there are. */
  readonly homes: readonly number[];
  /** Connections that carry the drivers. */
  readonly gateways: number;
  /** The number of the first of them. */
  readonly first: number;
  /** H3's, of the cells that are rooms. */
  readonly resolution: number;
  readonly secret: string;
  /** Epoch milliseconds at the zero of {@link machineTime}. */
  readonly epoch: number;
}

/** What they can be asked. */
export type WatchersRequest =
  | { readonly do: 'begin'; readonly target: number }
  | { readonly do: 'end'; readonly target: number }
  | { readonly do: 'beliefs'; readonly target: number };

/** What was heard between a `begin` and its `end`. */
export interface Heard {
  /** Times of positions of drivers on the watcher's instance, and on others. */
  readonly here: Uint32Array;
  readonly elsewhere: Uint32Array;
  readonly positions: number;
  readonly messages: number;
  readonly bytes: number;
}

/** What each watcher believes: the timestamps of those inside, by driverId. */
export type Beliefs = readonly ReadonlyMap<string, number>[];

interface Position {
  readonly driverId: string;
  readonly timestamp: number;
  readonly accuracy: number;
}

interface Message {
  readonly type: string;
  readonly drivers?: readonly Position[];
  readonly enter?: readonly Position[];
  readonly move?: readonly Position[];
  readonly exit?: readonly { readonly driverId: string }[];
}

/** Connections being opened at the same time. */
const OPENING = 50;
const DAY = 86_400;
const EVENT = '42["fix",';

const { targets, circles, homes, gateways, first, resolution, secret, epoch } = optionsOfParent<WatchersOptions>();
const clients: FrameClient[][] = targets.map(() => []);
const beliefs: Map<string, number>[][] = targets.map(() => circles.map(() => new Map<string, number>()));
const faults: string[] = [];
let here = new Histogram();
let elsewhere = new Histogram();
let positions = 0;
let messages = 0;
let bytesBefore = 0;

for (const [t, target] of targets.entries()) {
  let n = 0;
  const opener = async () => {
    while (n < circles.length) await open(t, target, n++);
  };
  await Promise.all(Array.from({ length: OPENING }, opener));
}

answerParent<WatchersRequest>({}, ({ do: what, target }) => {
  if (faults.length > 0) throw new Error(`${faults.length} faults of watchers: ${faults[0]}`);
  const bytes = clients[target].reduce((sum, { received }) => sum + received, 0);
  if (what === 'beliefs') return beliefs[target];
  if (what === 'begin') {
    here = new Histogram();
    elsewhere = new Histogram();
    positions = 0;
    messages = 0;
    bytesBefore = bytes;
    return;
  }
  return {
    here: here.counts,
    elsewhere: elsewhere.counts,
    positions,
    messages,
    bytes: bytes - bytesBefore,
  } satisfies Heard;
});

/** Opens a connection and resolves when it watches. */
function open(t: number, target: Target, n: number): Promise<void> {
  const { kind, ports, path } = target;
  const home = homes[n] % ports.length;
  const inside = beliefs[t][n];
  const isElsewhere = (driver: number) => instanceOf(driver, gateways, target) !== home;
  const circle = circles[n];
  const token = mintToken(secret, { sub: `watcher-${first + n}`, scope: 'positions:read', ttlSeconds: DAY });
  return new Promise((resolve, reject) => {
    const hear = (message: Message) => {
      if (message.type === 'snapshot') {
        inside.clear();
        for (const { driverId, timestamp } of message.drivers ?? []) inside.set(driverId, timestamp);
        resolve();
      } else if (message.type === 'changes') change(inside, message, isElsewhere);
      else faults.push(`${kind}: ${JSON.stringify(message).slice(0, 200)}`);
    };
    const hearSocketIo = (text: string, client: FrameClient) => {
      if (text.startsWith(EVENT)) {
        messages++;
        hearPosition(inside, JSON.parse(text.slice(EVENT.length, -1)), isElsewhere);
      } else if (text === '2') client.send('3');
      else if (text.startsWith('0{')) client.send('40');
      else if (text.startsWith('40{')) client.send(`420["watch",${JSON.stringify(roomsOf(circle, resolution))}]`);
      else if (text.startsWith('430')) resolve();
      else faults.push(`${kind}: ${text.slice(0, 200)}`);
    };
    FrameClient.open(
      ports[home],
      path,
      { authorization: `Bearer ${token}` },
      {
        text: kind === 'rooms' ? hearSocketIo : (text) => hear(JSON.parse(text)),
        closed: (why) => faults.push(`${kind}: a watcher was closed: ${why}`),
      },
    ).then((client) => {
      clients[t].push(client);
      const { lat: latitude, lng: longitude, radius } = circle;
      if (kind === 'nearcast') {
        client.send(JSON.stringify({ type: 'subscribe', subscription: 'w', latitude, longitude, radius }));
      } else if (kind === 'broadcast') client.send(`watcher ${first + n}`);
    }, reject);
  });
}

/** Whether a driver, by number, is connected to another instance than who hears of it. */
type Elsewhere = (driver: number) => boolean;

function change(inside: Map<string, number>, { enter = [], move = [], exit = [] }: Message, apart: Elsewhere): void {
  messages++;
  for (const position of enter) {
    if (inside.has(position.driverId)) faults.push(`enter of ${position.driverId}, who was inside`);
    hearPosition(inside, position, apart);
  }
  for (const position of move) {
    if (!inside.has(position.driverId)) faults.push(`move of ${position.driverId}, who was not inside`);
    hearPosition(inside, position, apart);
  }
  for (const { driverId } of exit) {
    if (!inside.delete(driverId)) faults.push(`exit of ${driverId}, who was not inside`);
  }
}

function hearPosition(
  inside: Map<string, number>,
  { driverId, timestamp, accuracy }: Position,
  apart: Elsewhere,
): void {
  inside.set(driverId, timestamp);
  positions++;
  const times = apart(driverOf(driverId)) ? elsewhere : here;
  // The drivers put the microseconds there.
  times.add(epoch + machineTime() - timestamp - (accuracy - 5));
}
