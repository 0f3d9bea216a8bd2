import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { columns } from './columns.ts';
import { type SelfTime, selfTimes } from './cpu-profile.ts';

const TOP = 25;

/** A server that profiles itself when asked, and a load on it that resolves to how much it did. */
export interface Profiled {
  ask(request: { do: 'profile' } | { do: 'write profile'; file: string }): Promise<unknown>;
  run(): Promise<number>;
}

/** What a profile says. */
export interface Profile {
  /** What was done meanwhile. */
  readonly count: number;
  readonly times: readonly SelfTime[];
  readonly file: string;
}

/** Profiles a server under its load. */
export async function profileOf({ ask, run }: Profiled): Promise<Profile> {
  const file = join(mkdtempSync(join(tmpdir(), 'nearcast-profile-')), 'server.cpuprofile');
  await ask({ do: 'profile' });
  const count = await run();
  await ask({ do: 'write profile', file });
  return { count, times: selfTimes(JSON.parse(readFileSync(file, 'utf8'))), file };
}

/** The functions that took most of a server's time, and what they took of its floor's, in microseconds for each thing done. */
export function sideBySide(title: string, own: Profile, bare: Profile): string {
  const key = ({ name, place }: SelfTime) => `${name} ${place}`;
  const ofBare = new Map(bare.times.map((time) => [key(time), time.milliseconds]));
  const each = (milliseconds: number, count: number) => ((1000 * milliseconds) / count).toFixed(2);
  const rows = own.times
    .slice(0, TOP)
    .map((time) => [
      `${(100 * time.share).toFixed(1)} %`,
      each(time.milliseconds, own.count),
      each(ofBare.get(key(time)) ?? 0, bare.count),
      `${time.name}  ${time.place}`,
    ]);
  const all = [own, bare].map(({ times, count }) => each(sum(times), count));
  // The last column is flush left only when it is as wide as it can be.
  const width = Math.max(...rows.map((row) => row[3].length));
  const padded = [...rows, ['100 %', ...all, 'all, idle time left out']].map((row) => [
    ...row.slice(0, 3),
    row[3].padEnd(width),
  ]);
  return `${title} (${own.file}, ${bare.file})\n${columns([['share', 'µs', 'bare', 'function'.padEnd(width)]], padded, 0)}`;
}

function sum(times: readonly SelfTime[]): number {
  return times.reduce((total, { milliseconds }) => total + milliseconds, 0);
}
