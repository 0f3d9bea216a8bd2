import type { Missing } from './fix-stream.ts';

/** What is missing, so that it can be looked for in the database. */
export function wordsFor({ events, since, until }: Missing): string {
  return `${events} events of what was received from ${new Date(since).toISOString()} to ${new Date(until).toISOString()}`;
}
