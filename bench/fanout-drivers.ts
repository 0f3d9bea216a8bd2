// The drivers of the fan-out bench, in a process of its own.
import { mintToken } from '../src/auth/tokens.ts';
import { machineTime } from './clock.ts';
import { FanoutPlan, type FanoutPlanSettings } from './fanout-plan.ts';
import { instanceOf, type Target } from './fanout-targets.ts';
import { FrameClient } from './frame-client.ts';
import { answerParent, optionsOfParent } from './in-child.ts';

/** What they are started with. */
export interface DriversOptions {
  readonly plan: FanoutPlanSettings;
  readonly targets: readonly Target[];
  /** Connections that carry all drivers. */
  readonly gateways: number;
  readonly secret: string;
  /** Epoch milliseconds at the zero of {@link machineTime}. */
  readonly epoch: number;
}

/** What they can be asked. */
export type DriversRequest =
  | { readonly do: 'drive'; readonly target: number; readonly seconds: number; readonly perSecond: number }
  /** Everybody sends once more. */
  | { readonly do: 'settle'; readonly target: number };

/** What came of a drive. */
export interface Driven {
  readonly sent: number;
  /** Positions due to watchers. */
  readonly due: number;
  /** Fixes that a server did not take. */
  readonly skipped: number;
}

/** Where everybody is in the end. */
export interface Settled {
  readonly turns: Int32Array;
  readonly timestamps: Float64Array;
}

interface Course {
  readonly gateways: FrameClient[];
  readonly turns: Int32Array;
  readonly timestamps: Float64Array;
  readonly before: (readonly number[])[];
  next: number;
  unacked: number;
}

/** Bytes waiting on a connection beyond which a fix is not sent. */
const MAX_BUFFERED = 1 << 20;
const SETTLING = 20_000;
const DAY = 86_400;

const { plan: settings, targets, gateways, secret, epoch } = optionsOfParent<DriversOptions>();
const plan = new FanoutPlan(settings);
const faults: string[] = [];
const courses: Course[] = [];
/** Who watches a driver at each of its places, once found. */
const watchers = new Map<number, readonly number[]>();

for (const target of targets) {
  const course: Course = {
    gateways: [],
    turns: new Int32Array(settings.drivers).fill(-1),
    timestamps: new Float64Array(settings.drivers),
    before: [],
    next: 0,
    unacked: 0,
  };
  for (let n = 0; n < gateways; n++) {
    const token = mintToken(secret, { sub: `gateway-${n}`, scope: 'positions:write:any', ttlSeconds: DAY });
    const client = await FrameClient.open(
      target.ports[instanceOf(n, gateways, target)],
      target.path,
      { authorization: `Bearer ${token}` },
      {
        text(text, client) {
          if (text === '2') client.send('3');
          else if (text.startsWith('0{')) client.send('40');
          else if (text.startsWith('{"type":"ack"') && text.includes('"accepted"')) course.unacked--;
          else if (!text.startsWith('40')) faults.push(`${target.kind}: ${text.slice(0, 200)}`);
        },
        closed: (why) => faults.push(`${target.kind}: a gateway was closed: ${why}`),
      },
    );
    course.gateways.push(client);
  }
  courses.push(course);
}

answerParent<DriversRequest>({}, async (request) => {
  const course = courses[request.target];
  const target = targets[request.target];
  const result = request.do === 'drive' ? await drive(course, target, request) : await settle(course, target);
  if (faults.length > 0) throw new Error(`${faults.length} faults of drivers: ${faults[0]}`);
  return result;
});

/** Sends fixes evenly, each driver after the other. */
function drive(course: Course, target: Target, { seconds, perSecond }: { seconds: number; perSecond: number }) {
  const startedAt = machineTime();
  const all = Math.round(seconds * perSecond);
  let done = 0;
  let sent = 0;
  let due = 0;
  return new Promise<Driven>((resolve) => {
    const tick = () => {
      const until = Math.min(all, Math.floor(((machineTime() - startedAt) * perSecond) / 1000));
      for (; done < until; done++) {
        const driver = course.next++ % settings.drivers;
        const gateway = course.gateways[driver % gateways];
        if (gateway.bufferedAmount > MAX_BUFFERED) continue;
        due += send(course, target, driver);
        sent++;
      }
      for (const gateway of course.gateways) gateway.flush();
      if (done < all) setTimeout(tick, 1);
      else resolve({ sent, due, skipped: all - sent });
    };
    tick();
  });
}

/** @returns how many watchers must hear the position */
function send(course: Course, { kind }: Target, driver: number, id?: string): number {
  const turn = ++course.turns[driver];
  const at = epoch + machineTime();
  const timestamp = Math.max(Math.floor(at), course.timestamps[driver] + 1);
  course.timestamps[driver] = timestamp;
  const now = whoWatches(driver, turn);
  const fix = plan.fix(driver, turn, timestamp, at, id);
  const gateway = course.gateways[driver % gateways];
  if (kind === 'nearcast') gateway.queue(fix);
  else if (kind === 'rooms') gateway.queue(`42["fix",${fix}]`);
  else {
    const before = course.before[driver] ?? [];
    const enter = now.filter((watcher) => !before.includes(watcher));
    const move = now.filter((watcher) => before.includes(watcher));
    const exit = before.filter((watcher) => !now.includes(watcher));
    course.before[driver] = now;
    gateway.queue(`${JSON.stringify([enter, move, exit])}\n${plan.driverId(driver)}\n${fix}`);
  }
  return now.length;
}

function whoWatches(driver: number, turn: number): readonly number[] {
  const key = plan.placeOf(driver, turn);
  let known = watchers.get(key);
  if (known === undefined) {
    known = plan.watchersOf(driver, turn);
    watchers.set(key, known);
  }
  return known;
}

async function settle(course: Course, target: Target): Promise<Settled> {
  for (let driver = 0; driver < settings.drivers; driver++) {
    if (target.kind === 'nearcast') course.unacked++;
    send(course, target, driver, target.kind === 'nearcast' ? `last-${driver}` : undefined);
    course.gateways[driver % gateways].flush();
  }
  const until = performance.now() + SETTLING;
  while (course.unacked > 0) {
    if (performance.now() > until) throw new Error(`${course.unacked} last fixes were not acknowledged`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return { turns: course.turns, timestamps: course.timestamps };
}
