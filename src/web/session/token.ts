import { readLink, writeLink } from './link.ts';
import { tabStorage } from './storage.ts';

/** What a token says of itself: for what is shown, not for what is allowed. */
export interface Claims {
  readonly sub?: string;
  readonly fleet?: string;
  /** Seconds since the epoch. */
  readonly exp?: number;
  /** Separated by spaces. */
  readonly scope?: string;
  readonly area?: { readonly latitude: number; readonly longitude: number; readonly radius: number };
  readonly precision?: number;
}

const KEY = 'nearcast.token';

/** Whether a text may be a token at all: a JWT, or one of a share. */
export function isToken(text: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text) || /^share_[\w-]+$/.test(text);
}

/**
 * The token that this page was opened with: that of the link (`token`, or `access_token` as the API has it, which may be a
 * query too), else the one of before the page was loaded anew. It is taken out of the address at once, so that it is neither in the history nor in a link that is copied; the rest of the link stays.
 * Of what can be none, as of a link that was cut, nothing is kept: the page asks for one.
 */
export function takeToken(): string | undefined {
  const { token: named, access_token: spelled, ...rest } = Object.fromEntries(readLink(location.hash));
  const query = new URLSearchParams(location.search);
  const token = named ?? spelled ?? query.get('access_token') ?? undefined;
  if (token === undefined) return tabStorage.getItem(KEY) ?? undefined;
  query.delete('access_token');
  const search = query.size === 0 ? '' : `?${query}`;
  history.replaceState(null, '', `${location.pathname}${search}${writeLink(rest)}`);
  if (!isToken(token)) return undefined;
  keepToken(token);
  return token;
}

/** Keeps a token for as long as this tab lives. */
export function keepToken(token: string): void {
  tabStorage.setItem(KEY, token);
}

/** Forgets it. */
export function dropToken(): void {
  tabStorage.removeItem(KEY);
}

/** The claims of a JWT; of a share, or of what is no token, there are none. */
export function claimsOf(token: string): Claims {
  try {
    const payload = token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/');
    const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof claims === 'object' && claims !== null ? sound(claims) : {};
  } catch {
    return {};
  }
}

/** Without bounds that are none: whoever made them up sees nothing anyway. */
function sound(claims: Claims): Claims {
  const { latitude, longitude, radius } = { ...claims.area };
  const isArea = [latitude, longitude, radius].every((value) => typeof value === 'number' && Number.isFinite(value));
  return isArea ? claims : { ...claims, area: undefined };
}

/** Whether it is of a share (a guest’s link), which says nothing of itself. */
export function isShare(token: string): boolean {
  return token.startsWith('share_');
}
