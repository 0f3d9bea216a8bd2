import { fixOf, type SentFix, toWire } from './fleet.ts';
import { StatusLine } from './status-line.ts';
import { turnBetween } from './streets.ts';
import type { Traffic } from './traffic.ts';

/** What a past is made of. */
export interface PastSettings {
  readonly traffic: Traffic;
  /** Epoch milliseconds of when the traffic began. */
  readonly began: number;
  /** Of the server. */
  readonly url: string;
  /** May read, and send positions of any driver. */
  readonly token: string;
  /** Ends it without a word. */
  readonly signal: AbortSignal;
}

/** A past has so many fixes at the most, and is sent for so many milliseconds: nobody likes to wait. */
const MAX_FIXES = 60_000;
const PATIENCE = 3_000;
/** Drivers of which it is asked whether they have a past. */
const ASKED = 8;

/** Seconds between two fixes of a driver in the past, while it goes straight on: fewer for small fleets, more for large. */
const INTERVAL = [15, 60] as const;
/** So many times between them it is looked whether it has turned; of a fleet of many it is not, for want of time. */
const STEPS = 3;
const MANY = 10_000;
/** Degrees. */
const TURN = 5;
/** Fixes in one request: what the API takes at the most. */
const BATCH = 1_000;
/** Requests at a time; a driver's fixes are all in the requests of one sender, in their order. */
const SENDERS = 3;

/**
 * Lets the time until now go by for the traffic, and has the server keep what the drivers sent in it: of as many of them
 * as can be waited for. From when an earlier demo ran there is a past already.
 */
export async function writePast({ traffic, began, url, token, signal }: PastSettings): Promise<void> {
  const now = Date.now();
  const all = livePast(traffic, began, now, MAX_FIXES);
  const gap = Math.max(1, Math.floor(all.length / ASKED));
  const asked = all.filter((_, n) => n % gap === 0).map(([{ driverId }]) => driverId);
  let sent = 0;
  const minutes = Math.round((now - began) / 60_000);
  const status = new StatusLine(() => `The last ${minutes} minutes: ${sent.toLocaleString('en-US')} fixes`, PATIENCE);
  try {
    const kept = await keptUntil(asked, url, token, began);
    const tracks = all.map((track) => track.filter(({ timestamp }) => timestamp > kept));
    const startedAt = performance.now();
    await sendPast(tracks, url, token, (fixes) => {
      sent = fixes;
      return performance.now() - startedAt < PATIENCE && !signal.aborted;
    });
  } catch (error) {
    // The present goes on without.
    if (!signal.aborted) status.above(`Not all of the past could be written: ${(error as Error).message}`);
  } finally {
    status.stop();
  }
}

/**
 * Moves traffic from its beginning, epoch milliseconds, until a time.
 *
 * @param maxFixes at the most: fewer drivers have a past when there would be more
 * @returns the fixes that drivers sent meanwhile, driver by driver
 */
function livePast(traffic: Traffic, began: number, until: number, maxFixes: number): SentFix[][] {
  const seconds = Math.max(0, (until - began) / 1000);
  const { length } = traffic.drivers;
  const interval = Math.min(INTERVAL[1], Math.max(INTERVAL[0], Math.ceil((seconds * length) / maxFixes)));
  const recorded = Math.min(length, Math.ceil((maxFixes * interval) / Math.max(seconds, interval)));
  const step = length > MANY ? interval : interval / STEPS;
  const tracks: SentFix[][] = Array.from({ length: recorded }, () => []);
  for (let time = step; time <= seconds; time += step) {
    traffic.advance(time);
    for (let n = 0; n < length; n++) {
      // Not all at the same moment, as drivers report when they do.
      const own = time - (step * n) / length;
      if (traffic.move(n, own) !== 'on duty' || n >= recorded) continue;
      const track = tracks[n];
      const fix = fixOf(traffic, n, Math.floor(began + own * 1000));
      if (isNews(track.at(-1), fix, interval)) track.push(fix);
    }
  }
  return tracks.filter((track) => track.length > 0);
}

/** Whether a fix tells more than that all went on as before: a line through the others follows the streets. */
function isNews(last: SentFix | undefined, fix: SentFix, interval: number): boolean {
  if (last === undefined || last.attributes !== fix.attributes) return true;
  return (
    turnBetween(last.heading ?? 0, fix.heading ?? 0) > TURN || fix.timestamp - last.timestamp > (interval - 0.5) * 1000
  );
}

/**
 * Sends a past to the server, as devices do that come out of a tunnel, some at a time.
 *
 * @param url of the server
 * @param token may send positions of any driver
 * @param onProgress told of how many fixes are stored; false ends it
 */
async function sendPast(
  tracks: readonly (readonly SentFix[])[],
  url: string,
  token: string,
  onProgress: (fixes: number) => boolean,
): Promise<void> {
  let sent = 0;
  let isEnded = false;
  const send = async (batch: readonly SentFix[]) => {
    const answer = await fetch(`${url}/v1/positions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ positions: batch.map((fix) => toWire(fix)) }),
    });
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
    await answer.body?.cancel();
    sent += batch.length;
    isEnded ||= !onProgress(sent);
  };
  let next = 0;
  const sender = async () => {
    let batch: SentFix[] = [];
    // A past that was begun is ended, else there would be a gap until now.
    while (next < tracks.length && !isEnded) {
      for (const fix of tracks[next++]) {
        batch.push(fix);
        if (batch.length < BATCH) continue;
        await send(batch);
        batch = [];
      }
    }
    if (batch.length > 0) await send(batch);
  };
  await Promise.all(Array.from({ length: SENDERS }, sender));
}

/**
 * Until when a time has a past already, of an earlier demo: the latest timestamp that the server keeps of some drivers;
 * `from` when there is none.
 *
 * @param from epoch milliseconds
 * @param token may read
 */
async function keptUntil(driverIds: readonly string[], url: string, token: string, from: number): Promise<number> {
  const tracks = driverIds.map(async (driverId) => {
    let latest = from;
    let path: string | undefined = `/v1/drivers/${driverId}/track?from=${from}&limit=10000`;
    while (path !== undefined) {
      const answer = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } });
      if (answer.status === 404) return latest;
      if (!answer.ok) throw new Error(`the server did not tell its past: ${answer.status} ${await answer.text()}`);
      const { properties } = (await answer.json()) as { properties: { timestamps: number[]; next?: string } };
      latest = Math.max(latest, properties.timestamps.at(-1) ?? from);
      path = properties.next;
    }
    return latest;
  });
  return Math.max(from, ...(await Promise.all(tracks)));
}
