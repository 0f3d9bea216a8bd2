/** An origin as browsers write it: in small letters, with no slash and no port that goes without saying. */
export function asOrigin(text: string): string {
  const origin = text.trim();
  const url = /^https?:/i.test(origin) ? URL.parse(origin) : null;
  // With more to it than an origin has, it is left for its rule to refuse.
  return url !== null && url.href === `${url.origin}/` ? url.origin : origin;
}
