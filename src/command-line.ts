import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { ConfigError } from './config.ts';

/** An argument that makes no sense; the message says which and why. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** What a number must be: bounds included; 0 and any size when absent. */
interface NumberRule {
  readonly min?: number;
  readonly max?: number;
  readonly whole?: boolean;
}

/** The arguments of a command. `--help` is known to every command. */
export interface Arguments {
  /** The options that have a value, as text. */
  readonly values: Partial<Record<string, string>>;
  /** The options that have none. */
  readonly flags: ReadonlySet<string>;
  readonly positionals: readonly string[];
  /** An option's value as a number. @throws {UsageError} */
  number(name: string, fallback: number, rule?: NumberRule): number;
}

/** Reads the arguments of a command. @throws {UsageError} */
export function readArguments(
  argv: readonly string[],
  names: { values?: readonly string[]; flags?: readonly string[]; positionals?: number },
): Arguments {
  const options: ParseArgsOptionsConfig = { help: { type: 'boolean', short: 'h' } };
  for (const name of names.values ?? []) options[name] = { type: 'string' };
  for (const name of names.flags ?? []) options[name] = { type: 'boolean' };
  let parsed: { values: Record<string, unknown>; positionals: string[] };
  try {
    parsed = parseArgs({ args: negativeValues(argv), options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const surplus = parsed.positionals[names.positionals ?? 0];
  if (surplus !== undefined) throw new UsageError(`Unexpected argument '${surplus}'`);
  const all = Object.entries(parsed.values);
  const values: Arguments['values'] = Object.fromEntries(
    all.filter((option): option is [string, string] => typeof option[1] === 'string'),
  );
  return {
    values,
    flags: new Set(all.filter(([, value]) => value === true).map(([name]) => name)),
    positionals: parsed.positionals,
    number: (name, fallback, rule) => numberArgument(name, values[name], fallback, rule),
  };
}

/** A number within bounds. @throws {UsageError} */
export function numberArgument(
  name: string,
  text: string | undefined,
  fallback: number,
  { min = 0, max = Number.MAX_SAFE_INTEGER, whole = false }: NumberRule = {},
): number {
  if (text === undefined) return fallback;
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!(value >= min && value <= max) || (whole && !Number.isInteger(value))) {
    const bounds = max === Number.MAX_SAFE_INTEGER ? `at least ${min}` : `${min} to ${max}`;
    throw new UsageError(`--${name} must be a ${whole ? 'whole ' : ''}number, ${bounds}, not '${text}'`);
  }
  return value;
}

/** A place given as `lat,lng`, in degrees. @throws {UsageError} */
export function placeArgument(name: string, text: string): { lat: number; lng: number } {
  const [lat, lng, more] = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (more !== undefined || !(Math.abs(lat) <= 90 && Math.abs(lng) <= 180)) {
    throw new UsageError(`--${name} must be latitude,longitude in degrees, such as 40.7549,-73.984, not '${text}'`);
  }
  return { lat, lng };
}

/**
 * Runs a command: its exit code becomes the process's, a {@link UsageError} is printed and becomes 64, EX_USAGE, and a
 * {@link ConfigError} 78, EX_CONFIG.
 *
 * @param help what `--help` prints
 */
export async function runCommand(
  help: string,
  argv: readonly string[],
  command: (argv: readonly string[]) => Promise<number>,
): Promise<void> {
  if (argv.includes('--help') || argv.includes('-h')) {
    console.log(help);
    return;
  }
  try {
    process.exitCode = await command(argv);
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`${error.message}.\nTry --help.`);
      process.exitCode = 64;
    } else if (error instanceof ConfigError) {
      console.error(error.message);
      process.exitCode = 78;
    } else throw error;
  }
}

/** `--city -33.9,151.2` reads as an option's value only when joined by an equals sign. */
function negativeValues(argv: readonly string[]): string[] {
  const joined: string[] = [];
  for (const argument of argv) {
    const option = joined.at(-1);
    if (/^-[\d.]/.test(argument) && option?.startsWith('--') && !option.includes('=')) {
      joined[joined.length - 1] = `${option}=${argument}`;
    } else joined.push(argument);
  }
  return joined;
}
