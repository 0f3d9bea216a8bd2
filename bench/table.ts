import { cpus, totalmem } from 'node:os';

/** A table of names and values with a title, as text. */
export function table(title: string, rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`);
  return [title, '─'.repeat(Math.max(...lines.map((line) => line.length), title.length)), ...lines].join('\n');
}

/** What the figures were measured on. */
export function machine(): string {
  const [{ model }] = cpus();
  return `${cpus().length} × ${model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GB, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}`;
}

/** A whole number with separators. */
export function count(n: number): string {
  return Math.round(n).toLocaleString('en-US');
}

/** Milliseconds with a digit more where they are few. */
export function milliseconds(n: number): string {
  return `${n < 10 ? n.toFixed(2) : n.toFixed(1)} ms`;
}
