import { describe, expect, test } from 'vitest';
import { numberArgument, placeArgument, readArguments, UsageError } from '../src/command-line.ts';

describe('arguments', () => {
  test('are read as values, flags and positionals', () => {
    const names = { values: ['speed', 'city'], flags: ['keep-time'], positionals: 1 };
    const { values, flags, positionals } = readArguments(
      ['trace', '--speed', '3', '--keep-time', '--city', '-33.9,151.2'],
      names,
    );
    expect(values).toEqual({ speed: '3', city: '-33.9,151.2' });
    expect(flags.has('keep-time')).toBe(true);
    expect(positionals).toEqual(['trace']);
  });

  test('that nobody asked for are refused', () => {
    expect(() => readArguments(['--sped', '3'], { values: ['speed'] })).toThrow(UsageError);
    expect(() => readArguments(['a', 'b'], { positionals: 1 })).toThrow("Unexpected argument 'b'");
    expect(() => readArguments(['--speed'], { values: ['speed'] })).toThrow(UsageError);
  });

  test('that are numbers must be, within their bounds', () => {
    expect(numberArgument('n', undefined, 7)).toBe(7);
    expect(numberArgument('n', '2.5', 7)).toBe(2.5);
    expect(() => numberArgument('n', '2.5', 7, { whole: true })).toThrow('--n must be a whole number, at least 0');
    expect(() => numberArgument('n', '-1', 7, { max: 5 })).toThrow("--n must be a number, 0 to 5, not '-1'");
    for (const text of ['', ' ', 'x', 'NaN', 'Infinity'])
      expect(() => numberArgument('n', text, 7)).toThrow(UsageError);
  });

  test('that are places must be latitude and longitude', () => {
    expect(placeArgument('city', '-33.9, 151.2')).toEqual({ lat: -33.9, lng: 151.2 });
    for (const text of ['1', '91,0', '0,181', '1,2,3', ',', 'a,b']) {
      expect(() => placeArgument('city', text)).toThrow(UsageError);
    }
  });
});
