// Works on what Nearcast stores, out of the Redis Stream that REDIS_STREAM names: here it keeps where everybody is.
//   node examples/stream-consumer.ts redis://127.0.0.1:6379 nearcast-fixes map-makers worker-1
// Consumers of one group share the entries; each group gets them all. One that dies leaves what it had not
// acknowledged to the others, after as many seconds as a fifth argument says (30).
import { setTimeout } from 'node:timers/promises';
import { createClient } from '@redis/client';

const [url, key, group, consumer, idle = '30'] = process.argv.slice(2);
if (consumer === undefined) {
  console.error('usage: node examples/stream-consumer.ts REDIS_URL KEY GROUP CONSUMER [IDLE_SECONDS]');
  process.exit(64);
}

interface Position {
  readonly driverId: string;
  readonly latitude: number;
  readonly longitude: number;
  readonly timestamp: number;
  readonly receivedAt: number;
}
type StreamEvent =
  | ({ readonly type: 'accepted' | 'late'; readonly fleet: string } & Position)
  | { readonly type: 'offline'; readonly fleet: string; readonly driverId: string; readonly at: number };

/** DRIVER_TTL_SECONDS in milliseconds: who was silent for so long is forgotten, and so is its timestamp. */
const TTL = 300_000;

const latest = new Map<string, Position>();
/** When drivers went off duty: what was received before is over, though it may come again. */
const offline = new Map<string, number>();

/** Entries may come twice, and those of two instances in either order: neither may change what comes out. */
function apply(event: StreamEvent): void {
  const driver = `${event.fleet} ${event.driverId}`;
  const known = latest.get(driver);
  if (event.type === 'offline') {
    offline.set(driver, Math.max(event.at, offline.get(driver) ?? 0));
    if (known !== undefined && known.receivedAt <= event.at) latest.delete(driver);
  } else if (event.type === 'accepted' && event.receivedAt > (offline.get(driver) ?? 0)) {
    const isForgotten = known === undefined || event.receivedAt - known.receivedAt > TTL;
    if (isForgotten || known.timestamp < event.timestamp) latest.set(driver, event);
  }
}

const redis = createClient({ url });
redis.on('error', (error) => console.error(`redis: ${error.message}`));
await redis.connect();

/** From the stream's beginning; '$' would be from now on. The stream is made if it is not there yet. */
async function join(): Promise<void> {
  await redis.xGroupCreate(key, group, '0', { MKSTREAM: true }).catch((error: Error) => {
    if (!error.message.startsWith('BUSYGROUP')) throw error;
  });
}

let running = true;
process.once('SIGINT', () => {
  running = false;
});
process.once('SIGTERM', () => {
  running = false;
});

interface Entry {
  readonly id: string;
  readonly message: Record<string, string>;
}

async function work(entries: readonly (Entry | null)[]): Promise<void> {
  const taken = entries.filter((entry) => entry !== null);
  if (taken.length === 0) return;
  for (const { message } of taken) apply(JSON.parse(message.event));
  // Only now: what is done and not acknowledged is done again.
  await redis.xAck(
    key,
    group,
    taken.map(({ id }) => id),
  );
  const newest = JSON.parse(taken[taken.length - 1].message.event) as StreamEvent;
  console.log(`${taken.length} events, the last one ${newest.type} of ${newest.driverId}; ${latest.size} drivers`);
}

let isMember = false;
while (running) {
  try {
    if (!isMember) await join();
    isMember = true;
    // What others took and never acknowledged, or this one before it was restarted.
    let from = '0-0';
    do {
      const claimed = await redis.xAutoClaim(key, group, consumer, Number(idle) * 1000, from, { COUNT: 500 });
      await work(claimed.messages);
      from = claimed.nextId;
    } while (from !== '0-0' && running);
    const read = await redis.xReadGroup(group, consumer, { key, id: '>' }, { COUNT: 500, BLOCK: 1000 });
    for (const { messages } of (read ?? []) as { messages: Entry[] }[]) await work(messages);
  } catch (error) {
    // A server that was started again may have kept neither the stream nor its groups.
    isMember = false;
    console.error(`goes on in a second: ${(error as Error).message}`);
    await setTimeout(1000);
  }
}
redis.destroy();
