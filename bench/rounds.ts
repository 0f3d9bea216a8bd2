import { setImmediate as turn } from 'node:timers/promises';

/** Something whose speed is measured. */
export interface Job {
  /** Makes ready what {@link run} needs for so many; its time is not measured. */
  prepare?(count: number): void;
  /** Does it so many times. What it returns depends on all results, so that none can be left out by the compiler. */
  run(count: number): number | Promise<number>;
  /** The fewest that {@link run} is worth: what keeps every connection busy. */
  readonly least?: number;
}

/** How long and how often. */
export interface Pace {
  /** Seconds of one job over all rounds; a job that takes longer once takes longer. */
  readonly seconds: number;
  readonly rounds: number;
}

/** What jobs returned goes here, for all to see. */
export const sink = { sum: 0 };

/**
 * Measures jobs by turns, so that whatever else happens on the machine happens to all of them: each once, each once
 * more, and so on.
 *
 * @returns for each job, how many it did a second in each round
 */
export async function measure(jobs: readonly Job[], { seconds, rounds }: Pace): Promise<number[][]> {
  const slice = seconds / rounds;
  const counts: number[] = [];
  for (const job of jobs) counts.push(await warmUp(job, slice));
  const rates = jobs.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    // So that signals are heard.
    await turn();
    for (const [i, job] of jobs.entries()) rates[i].push(counts[i] / (await time(job, counts[i])));
  }
  return rates;
}

/** The middle value; of an even number of them, the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}

/** The median of the ratios in each round. */
export function medianRatio(over: readonly number[], under: readonly number[]): number {
  return median(over.map((value, round) => value / under[round]));
}

/** Runs a job until it has had a slice of time at least, and says how many fill one. */
async function warmUp(job: Job, slice: number): Promise<number> {
  const least = job.least ?? 1;
  let count = least;
  for (let spent = 0; ; ) {
    const took = await time(job, count);
    spent += took;
    const fitting = Math.max(least, Math.ceil((count * slice) / took));
    if (spent >= slice) return fitting;
    count = Math.min(count * 4, fitting);
  }
}

/** Seconds. */
async function time(job: Job, count: number): Promise<number> {
  job.prepare?.(count);
  const startedAt = performance.now();
  const result = job.run(count);
  sink.sum += typeof result === 'number' ? result : await result;
  return Math.max(performance.now() - startedAt, 1e-3) / 1000;
}
