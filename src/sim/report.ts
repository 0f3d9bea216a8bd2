import type { Tally } from './play.ts';

/** Whether every line of the trace has a verdict. */
export function addsUp(tally: Tally): boolean {
  return tally.complete && tally.lines === answered(tally) + tally.unreadable;
}

/** The table at the end of a replay. */
export function reportReplay(tally: Tally): string {
  const refused = [...tally.refused].sort().map(([code, count]) => [`refused: ${code}`, count] as const);
  const missing = tally.lines - answered(tally) - tally.unreadable;
  const rows: (readonly [string, number])[] = [
    ['accepted', tally.accepted],
    ['duplicate', tally.duplicate],
    ['late', tally.late],
    ...(refused.length > 0 ? refused : [['refused', 0] as const]),
    ['unreadable', tally.unreadable],
    ...(missing !== 0 ? [['without a verdict', missing] as const] : []),
    ['lines', tally.lines],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const count = (n: number) => n.toLocaleString('en-US').padStart(12);
  const lines = rows.map(([name, n]) => `${name.padEnd(width)} ${count(n)}`);
  lines.splice(-1, 0, '─'.repeat(width + 13));
  lines.push(addsUp(tally) ? 'Every line has a verdict.' : 'NOT every line has a verdict.');
  if (!tally.complete) lines.push('The file was not read to its end.');
  if (tally.resent > 0) {
    lines.push(
      `Connections lost: ${tally.losses}. Fixes sent again: ${tally.resent};`,
      'one whose acknowledgement was lost on the way counts as duplicate or late.',
    );
  }
  if (tally.merged > 0) lines.push(`${tally.merged} late timestamps share a millisecond with another one.`);
  return lines.join('\n');
}

function answered(tally: Tally): number {
  return [...tally.refused.values()].reduce((sum, n) => sum + n, tally.accepted + tally.duplicate + tally.late);
}
