/** Names something of a fleet among those of all fleets: a subject, or a token by its `jti`. No fleet's name has a space. */
export function inFleet(fleet: string, name: string): string {
  return `${fleet} ${name}`;
}
