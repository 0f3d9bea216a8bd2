import { describe, expect, test } from 'vitest';
import { numberArgument, placeArgument, readArguments, UsageError } from '../src/command-line.ts';

describe('arguments', () => {
  test('are read as values, flags and positionals', () => {
    const names = { values: ['speed', 'center'], flags: ['keep-time'], positionals: 1 };
    const { values, flags, positionals } = readArguments(
      ['trace', '--speed', '3', '--keep-time', '--center', '-33.9,151.2'],
      names,
    );
    expect(values).toEqual({ speed: '3', center: '-33.9,151.2' });
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
    expect(placeArgument('center', '-33.9, 151.2', { lat: 0, lng: 0 })).toEqual({ lat: -33.9, lng: 151.2 });
    for (const text of ['1', '91,0', '0,181', '1,2,3', ',', 'a,b']) {
      expect(() => placeArgument('center', text, { lat: 0, lng: 0 })).toThrow(UsageError);
    }
  });
});
