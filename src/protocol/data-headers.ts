/**
 * What every answer of the API says to a browser: it is data, not a page, runs nothing and is not to be framed; where people
 * are is not to be kept by any cache; and its address, which may hold a token, is told to nobody. Fixed, since Helmet puts a
 * page's together again for every request, which takes as long as all the rest of a bare route; and no more of OWASP's list
 * (*REST Security Cheat Sheet*) than is of use, as each takes a microsecond: `Strict-Transport-Security` is for whoever ends
 * TLS to say, as browsers pass it over on plain HTTP (RFC 6797, 8.1).
 */
export const DATA_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const;
