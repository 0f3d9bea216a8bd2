import { setTimeout as delay } from 'node:timers/promises';
import { Lane } from './lane.ts';
import { readLines } from './lines.ts';
import type { LinkSettings } from './link.ts';
import { parseTraceLine } from './trace.ts';
import { TraceClock } from './trace-clock.ts';

/** How a trace is played. */
export interface Playback extends LinkSettings {
  readonly file: string;
  /** Trace seconds per second. */
  readonly speed: number;
  /** Send the original timestamps. */
  readonly keepTime?: boolean;
  /** Connections; the fixes of a driver all go over the same one. */
  readonly connections: number;
  readonly signal?: AbortSignal;
}

/** What is told while a trace is played. */
export interface PlaybackEvents {
  unreadable?(line: number, problem: string): void;
  lost?(reason: string): void;
}

/** What became of the lines so far; the verdicts and `unreadable` add up to `lines` when all have been answered. */
export interface Tally {
  lines: number;
  unreadable: number;
  accepted: number;
  duplicate: number;
  late: number;
  /** Refused fixes by code. */
  readonly refused: Map<string, number>;
  /** Fixes sent, or waiting for room, and not answered yet. */
  unanswered: number;
  /** Whether the file was read to its end. */
  complete: boolean;
  /** Bytes of the file read. */
  bytes: number;
  /** Timestamp of the latest line, in the trace's clock. */
  clock: number | undefined;
  /** Fixes sent again after a lost connection: the first sending may have been stored, and the second a duplicate. */
  resent: number;
  /** Connections lost. */
  losses: number;
  /** Timestamps for which there was no millisecond of their own. */
  merged: number;
  /** Why the replay ended early. */
  failure: string | undefined;
}

/** The longest that a timer can wait at once. */
const MAX_DELAY = 2 ** 31 - 1;

/** Plays a trace through the public WebSocket API. `tally` is kept up to date while it runs. */
export async function play(playback: Playback, tally: Tally, events: PlaybackEvents = {}): Promise<void> {
  const { file, speed, keepTime, connections, signal } = playback;
  const lanes = Array.from(
    { length: connections },
    () =>
      new Lane(
        playback,
        ({ verdict, code = '' }) => {
          tally.unanswered--;
          if (verdict === 'accepted' || verdict === 'duplicate' || verdict === 'late') tally[verdict]++;
          else tally.refused.set(code, (tally.refused.get(code) ?? 0) + 1);
        },
        (reason) => events.lost?.(reason),
        signal,
      ),
  );
  const note = () => {
    tally.resent = lanes.reduce((sum, lane) => sum + lane.resent, 0);
    tally.losses = lanes.reduce((sum, lane) => sum + lane.losses, 0);
    tally.failure = lanes.find((lane) => lane.failure !== undefined)?.failure;
  };
  try {
    await Promise.all(lanes.map((lane) => lane.opened()));
    note();
    if (tally.failure !== undefined) return;
    const clock = new TraceClock(Date.now(), speed);
    for await (const line of readLines(file)) {
      tally.lines++;
      tally.bytes = line.end;
      const fix = line.text === undefined ? { problem: 'longer than 1 MiB' } : parseTraceLine(line.text);
      if ('problem' in fix) {
        tally.unreadable++;
        events.unreadable?.(line.number, fix.problem);
        continue;
      }
      const { driverId, t, fields } = fix;
      tally.clock = t;
      const timestamp = keepTime ? t : clock.map(driverId, t);
      tally.merged = clock.merged;
      // Moved on by single milliseconds, a timestamp may lie after its due time; it never leaves before it is past.
      await until(keepTime ? clock.due(t) : Math.max(clock.due(t), timestamp), signal);
      tally.unanswered++;
      await lanes[laneOf(driverId, connections)].send({ driverId, ...fields, timestamp });
      note();
      if (tally.failure !== undefined) return;
    }
    tally.complete = true;
    await Promise.all(lanes.map((lane) => lane.drained()));
  } finally {
    note();
    await Promise.all(lanes.map((lane) => lane.close()));
  }
}

/** A tally of nothing. */
export function emptyTally(): Tally {
  return {
    lines: 0,
    unreadable: 0,
    accepted: 0,
    duplicate: 0,
    late: 0,
    refused: new Map(),
    unanswered: 0,
    complete: false,
    bytes: 0,
    clock: undefined,
    resent: 0,
    losses: 0,
    merged: 0,
    failure: undefined,
  };
}

/** Waits for a moment, in epoch milliseconds; a moment that has passed is not waited for. */
async function until(moment: number, signal: AbortSignal | undefined): Promise<void> {
  for (let left = moment - Date.now(); left > 0 && !signal?.aborted; left = moment - Date.now()) {
    await delay(Math.min(left, MAX_DELAY), undefined, { signal }).catch((error) => {
      if (!signal?.aborted) throw error;
    });
  }
}

/** FNV-1a, 32 bits. */
function laneOf(driverId: string, lanes: number): number {
  let hash = 0x811c9dc5;
  for (let n = 0; n < driverId.length; n++) hash = Math.imul(hash ^ driverId.charCodeAt(n), 0x01000193);
  return (hash >>> 0) % lanes;
}
