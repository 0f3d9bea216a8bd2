import { type ReadonlySignal, signal } from '@preact/signals';
import type { Exit } from '../../client/index.ts';

export type LogEvent = 'entered' | Exit['reason'];

/** Something that happened to a driver in a watched area. */
export interface LogEntry {
  /** Grows from entry to entry. */
  readonly id: number;
  /** By the server's clock, epoch milliseconds. */
  readonly at: number;
  readonly driverId: string;
  readonly event: LogEvent;
}

/** What a log tells of itself. */
export interface LogTotals {
  /** How many were inside at the start; undefined until that is known. */
  readonly start: number | undefined;
  readonly entered: number;
  readonly left: number;
  /** Gone without having left: silent, off duty, or no longer matching. */
  readonly gone: number;
}

/** Entries that are kept. */
export const MAX_ENTRIES = 500;

/** Events by words. */
export const EVENT_TEXT: Readonly<Record<LogEvent, string>> = {
  entered: 'entered',
  left: 'left',
  stale: 'went silent',
  offline: 'off duty',
  filtered: 'no longer matches',
  unknown: 'gone while not connected',
};

const NONE: LogTotals = { start: undefined, entered: 0, left: 0, gone: 0 };

/** Who came into an area and went, newest first. Who is inside as it begins has not entered. */
export class AreaLog {
  readonly entries: ReadonlySignal<readonly LogEntry[]>;
  readonly totals: ReadonlySignal<LogTotals>;
  readonly #entries = signal<readonly LogEntry[]>([]);
  readonly #totals = signal<LogTotals>(NONE);
  readonly #now: () => number;
  readonly #inside = new Set<string>();
  /** Whether what is told is of the area; else of what was watched before. */
  #isOn = false;
  #made = 0;

  /** @param now the server's clock, epoch milliseconds */
  constructor(now: () => number) {
    this.#now = now;
    this.entries = this.#entries;
    this.totals = this.#totals;
  }

  /** Another area is asked for: all begins anew once it is {@link settle settled}. */
  begin(): void {
    this.wait();
    this.clear();
    this.#totals.value = NONE;
  }

  /** Until the next {@link settle} what happens is the reader's own doing, as by another filter. */
  wait(): void {
    this.#isOn = false;
  }

  /** These are inside, as of now. */
  settle(driverIds: Iterable<string>): void {
    this.#inside.clear();
    for (const driverId of driverIds) this.#inside.add(driverId);
    this.#isOn = true;
    const totals = this.#totals.value;
    if (totals.start === undefined) this.#totals.value = { ...totals, start: this.#inside.size };
  }

  /** A driver is inside. */
  put(driverId: string): void {
    if (!this.#isOn || this.#inside.has(driverId)) return;
    this.#inside.add(driverId);
    this.#add(driverId, 'entered');
  }

  /** A driver is no longer inside. */
  exit(driverId: string, reason: Exit['reason']): void {
    if (this.#isOn && this.#inside.delete(driverId)) this.#add(driverId, reason);
  }

  /** Forgets the entries; who is inside stays known. */
  clear(): void {
    this.#entries.value = [];
    const { start } = this.#totals.value;
    this.#totals.value = { ...NONE, start: start === undefined ? undefined : this.#inside.size };
  }

  #add(driverId: string, event: LogEvent): void {
    const entry = { id: ++this.#made, at: this.#now(), driverId, event };
    this.#entries.value = [entry, ...this.#entries.value.slice(0, MAX_ENTRIES - 1)];
    const { start, entered, left, gone } = this.#totals.value;
    this.#totals.value = {
      start,
      entered: entered + Number(event === 'entered'),
      left: left + Number(event === 'left'),
      gone: gone + Number(event !== 'entered' && event !== 'left'),
    };
  }
}

/** A log as a table that spreadsheets read (RFC 4180), newest first. */
export function toCsv(entries: readonly LogEntry[]): string {
  const rows = entries.map(({ at, driverId, event }) => [new Date(at).toISOString(), driverId, EVENT_TEXT[event]]);
  return [['time', 'driver', 'event'], ...rows].map((row) => `${row.map(quoted).join()}\r\n`).join('');
}

/** A field; what a spreadsheet would take for a formula is text. */
function quoted(field: string): string {
  const plain = /^[=+\-@\t\r]/.test(field) ? `'${field}` : field;
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}
