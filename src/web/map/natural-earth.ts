import type { FeatureCollection } from 'geojson';
import worldUrl from 'world-atlas/countries-50m.json?url';
import { outlinesOf } from './outlines.ts';

let loaded: Promise<FeatureCollection | undefined> | undefined;

/**
 * Natural Earth's outlines, 1:50,000,000: a file of the page's own (756 kB, 206 kB as it is sent with Brotli), loaded
 * when they are first wanted. Undefined when they do not come: then the next call asks again.
 */
export function naturalEarth(): Promise<FeatureCollection | undefined> {
  loaded ??= load().catch(() => {
    loaded = undefined;
    return undefined;
  });
  return loaded;
}

async function load(): Promise<FeatureCollection> {
  const response = await fetch(worldUrl);
  if (!response.ok) throw new Error(`${worldUrl}: ${response.status}`);
  return outlinesOf(await response.json());
}
