/**
 * What a link to a page says, behind its `#`, which browsers send to no server: `token`, `at` (latitude, longitude, zoom), and
 * what the tools of the page put there.
 */
export type Link = ReadonlyMap<string, string>;

/** The fields of a hash such as `#at=40.7549,-73.984,13&driver=driver-7`. */
export function readLink(hash: string): Link {
  return new Map(new URLSearchParams(hash.replace(/^#/, '')));
}

/** The hash for some fields; those that are undefined are left out. */
export function writeLink(fields: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(fields).filter((field): field is [string, string] => field[1] !== undefined);
  // Commas, colons and semicolons need no escape there, and links are read by people.
  return given.length === 0
    ? ''
    : `#${new URLSearchParams(given).toString().replaceAll('%2C', ',').replaceAll('%3A', ':').replaceAll('%3B', ';')}`;
}
