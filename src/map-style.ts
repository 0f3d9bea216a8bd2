import { asOrigin } from './origin.ts';

/** A base map that browsers load. */
export interface MapStyle {
  /** Where its style is, for each theme. */
  readonly light: string;
  readonly dark: string;
  /** All that it is loaded from, as a Content-Security-Policy names it. */
  readonly origins: readonly string[];
}

/** What is shown where nothing is set: free, and asks for no key. */
export const OPEN_FREE_MAP: MapStyle = Object.freeze({
  light: 'https://tiles.openfreemap.org/styles/positron',
  dark: 'https://tiles.openfreemap.org/styles/dark',
  origins: Object.freeze(['https://tiles.openfreemap.org']),
});

const MAX_URL = 2_048;
const MAX_ORIGINS = 16;
/** What a policy can name (CSP 3, 2.3.1): neither addresses of IPv6, nor what would begin another source or directive. */
const NAMEABLE = /^https?:\/\/(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*(:\d+)?$/;

/**
 * What MAP_STYLE_URL means.
 *
 * @returns null: no base map at all; a text: what is wrong with it
 */
export function mapStyleOf(text: string): MapStyle | null | string {
  if (text === 'none') return null;
  const [template, ...others] = text.split(',').map((part) => part.trim());
  const [light, dark] = ['light', 'dark'].map((theme) => asStyleUrl(template.replaceAll('{theme}', theme)));
  if (light === undefined || dark === undefined) {
    return `must be none, or begin with a URL such as https://tiles.example.com/{theme}.json, without credentials and of at most ${MAX_URL} characters (a comma in it is %2C)`;
  }
  const more = others.map(asOrigin);
  if (more.length > MAX_ORIGINS || !more.every((origin) => NAMEABLE.test(origin))) {
    return `must have at most ${MAX_ORIGINS} origins such as https://fonts.example.com after its URL, separated by commas`;
  }
  const origins = new Set([new URL(light).origin, new URL(dark).origin, ...more]);
  return Object.freeze({ light, dark, origins: Object.freeze([...origins]) });
}

function asStyleUrl(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null || text.length > MAX_URL || url.username !== '' || url.password !== '') return undefined;
  return NAMEABLE.test(url.origin) && !url.hostname.startsWith('*') ? url.href : undefined;
}
