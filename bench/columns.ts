/** A row of cells; an empty one is drawn as a gap between groups. */
export type Row = readonly string[];

/**
 * A table with columns, as text: the first `left` are flush left, the others flush right.
 *
 * @param heads lines of headings, of as many cells as the rows
 */
export function columns(heads: readonly Row[], rows: readonly Row[], left: number): string {
  const all = [...heads, ...rows];
  const count = Math.max(...all.map((row) => row.length));
  const widths = Array.from({ length: count }, (_, i) => Math.max(...all.map((row) => row[i]?.length ?? 0)));
  const line = (row: Row) =>
    row
      .map((cell, i) => (i < left ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
      .join('  ')
      .trimEnd();
  const rule = '─'.repeat(widths.reduce((sum, width) => sum + width + 2, -2));
  return [...heads.map(line), rule, ...rows.map(line)].join('\n');
}

/** A number to three digits or so, with k and M: `8.31`, `412`, `6.80 k`, `1.24 M`. */
export function short(n: number): string {
  if (n >= 999_500) return `${digits(n / 1e6)} M`;
  if (n >= 999.5) return `${digits(n / 1e3)} k`;
  return digits(n);
}

/** How many times one is the other: `0.73×`, `9.1×`, `1,200×`. */
export function times(ratio: number): string {
  if (ratio >= 100) return `${Number(ratio.toPrecision(2)).toLocaleString('en-US')}×`;
  return `${ratio >= 9.95 ? ratio.toFixed(0) : ratio >= 0.995 ? ratio.toFixed(1) : ratio.toFixed(2)}×`;
}

function digits(n: number): string {
  if (n >= 99.95) return n.toFixed(0);
  return n >= 9.995 ? n.toFixed(1) : n.toFixed(2);
}
