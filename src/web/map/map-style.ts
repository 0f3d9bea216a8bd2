import type { StyleSpecification } from 'maplibre-gl';

/** How long a style may take, milliseconds. */
const TIMEOUT = 6_000;

/**
 * Fetches a MapLibre style and makes its addresses whole.
 *
 * @throws when it does not come in time, or what comes is no style
 */
export async function fetchStyle(url: string, signal: AbortSignal): Promise<StyleSpecification> {
  const response = await fetch(url, {
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT)]),
    credentials: 'omit',
    referrerPolicy: 'no-referrer',
  });
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return asStyle(await response.json(), response.url || url);
}

/**
 * A style as these maps can use it: seen to be one, flat, and with addresses that need no other to start from.
 *
 * @param base the style's own address, from which its relative ones start
 */
export function asStyle(json: unknown, base: string): StyleSpecification {
  if (!isStyle(json)) throw new Error(`${base} is not a MapLibre style of version 8`);
  // North up and flat is how these maps are: and where the camera is, is not the style's matter.
  const {
    center: _center,
    zoom: _zoom,
    bearing: _bearing,
    pitch: _pitch,
    roll: _roll,
    terrain: _terrain,
    sky: _sky,
    projection: _projection,
    ...style
  } = json;
  const whole = (address: string) => wholeAddress(address, base);
  if (style.glyphs !== undefined) style.glyphs = whole(style.glyphs);
  if (typeof style.sprite === 'string') style.sprite = whole(style.sprite);
  else if (style.sprite) style.sprite = style.sprite.map((each) => ({ ...each, url: whole(each.url) }));
  const sources: StyleSpecification['sources'] = {};
  for (const [id, source] of Object.entries(style.sources)) {
    const own = { ...source } as { url?: unknown; data?: unknown; tiles?: unknown };
    if (typeof own.url === 'string') own.url = whole(own.url);
    if (typeof own.data === 'string') own.data = whole(own.data);
    if (Array.isArray(own.tiles)) own.tiles = own.tiles.map((each) => (typeof each === 'string' ? whole(each) : each));
    sources[id] = own as typeof source;
  }
  return { ...style, sources };
}

function isStyle(json: unknown): json is StyleSpecification {
  if (typeof json !== 'object' || json === null) return false;
  const { version, sources, layers } = json as Record<string, unknown>;
  return version === 8 && typeof sources === 'object' && sources !== null && Array.isArray(layers);
}

/** `{z}` and its like stay as they are. */
function wholeAddress(address: string, base: string): string {
  try {
    return new URL(address, base).href.replaceAll('%7B', '{').replaceAll('%7D', '}');
  } catch {
    return address;
  }
}
