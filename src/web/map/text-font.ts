import type { StyleSpecification } from 'maplibre-gl';
import { LOCAL_FONT } from './background.ts';

/**
 * A font that a style can draw texts with: of those that its own layers name the one named most, as its glyphs are there
 * for certain. A style without glyphs draws with the machine's fonts.
 */
export function textFontOf(style: StyleSpecification): string[] {
  if (style.glyphs === undefined) return LOCAL_FONT;
  const counts = new Map<string, number>();
  for (const layer of style.layers) {
    if (layer.type !== 'symbol') continue;
    for (const font of fontsIn(layer.layout?.['text-font'])) {
      const key = JSON.stringify(font);
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  let best: string | undefined;
  for (const [key, count] of counts) if (best === undefined || count > (counts.get(best) ?? 0)) best = key;
  return best === undefined ? ['Noto Sans Regular'] : JSON.parse(best);
}

/** The lists of fonts in a value, which may be an expression around them, or the older functions of zoom. */
function fontsIn(value: unknown): string[][] {
  if (Array.isArray(value)) {
    if (value[0] === 'literal') return isFont(value[1]) ? [value[1]] : [];
    if (isFont(value)) return [value];
    return value.flatMap(fontsIn);
  }
  const stops = (value as { stops?: unknown } | undefined)?.stops;
  return Array.isArray(stops) ? stops.flatMap((stop) => fontsIn(stop?.[1])) : [];
}

/** Operators are lists that start with a text as well, but hold more than texts, or begin in lower case. */
function isFont(value: unknown): value is string[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((each) => typeof each === 'string') &&
    !/^[a-z-]+$/.test(value[0])
  );
}
