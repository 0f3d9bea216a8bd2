import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks a second in /proc; the same on every Linux that Node runs on. */
const TICKS = 100;

/** What a process and its descendants use, from /proc. */
export interface Usage {
  /** Seconds of processor time since their start. */
  readonly cpuSeconds: number;
  /** Bytes in memory. */
  readonly rss: number;
}

/** The usage of a process alone; undefined where there is no /proc or no such process. */
export function usageOf(pid: number): Usage | undefined {
  try {
    const fields = statOf(pid);
    const pages = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return { cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS, rss: Number(pages?.[1] ?? 0) * 1024 };
  } catch {
    return undefined;
  }
}

/** Seconds of processor time of a process, of those that it has started, and of those of them that have ended; NaN where there is no /proc. */
export function cpuSecondsOfAll(pid: number): number {
  try {
    const [user, system, endedUser, endedSystem] = statOf(pid).slice(11, 15).map(Number);
    const own = (user + system + endedUser + endedSystem) / TICKS;
    return descendants(pid).reduce((sum, child) => sum + (usageOf(child)?.cpuSeconds ?? 0), own);
  } catch {
    return Number.NaN;
  }
}

/** What /proc says of a process, from its state on. */
function statOf(pid: number): string[] {
  // The name of the process, in parentheses, may hold spaces.
  return readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
}

/** What a process has open and runs; undefined where there is no /proc or no such process. */
export function handlesOf(pid: number): { readonly files: number; readonly threads: number } | undefined {
  try {
    const threads = /Threads:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return { files: readdirSync(`/proc/${pid}/fd`).length, threads: Number(threads?.[1] ?? 0) };
  } catch {
    return undefined;
  }
}

/** The processes that a process has started, and theirs. */
export function descendants(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
    return children.flatMap((child) => [child, ...descendants(child)]);
  } catch {
    return [];
  }
}
