/**
 * The token of an `Authorization` header: undefined without the header, and empty, which no token is, when the header is
 * not a bearer token's.
 */
export function bearerToken(authorization: string | undefined): string | undefined {
  if (authorization === undefined) return undefined;
  return /^Bearer +(\S+)$/i.exec(authorization)?.[1] ?? '';
}
