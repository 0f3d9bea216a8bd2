import { type Nearcast, NearcastError } from '../../client/index.ts';

/** A share, as the server lists it. */
export interface Share {
  readonly id: string;
  readonly label?: string;
  readonly driverId?: string;
  readonly latitude?: number;
  readonly longitude?: number;
  readonly radius?: number;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

/** One that was just made: its token is told this once. */
export interface NewShare extends Share {
  readonly token: string;
}

/** What a share shows: a driver, or who is in a circle. */
export type Shared =
  | { readonly driverId: string }
  | { readonly latitude: number; readonly longitude: number; readonly radius: number };

/** How long a link may hold, seconds. */
export const LIFETIMES = [
  { label: '1 hour', seconds: 3_600 },
  { label: '4 hours', seconds: 14_400 },
  { label: '1 day', seconds: 86_400 },
  { label: '7 days', seconds: 604_800 },
] as const;

/** Pages of shares that are read: a subject has a thousand at the most, unless the operator allows more. */
const MAX_PAGES = 10;

/** Makes a share. @throws {NearcastError} why not */
export async function makeShare(client: Nearcast, shared: Shared, expiresIn: number, label: string): Promise<NewShare> {
  const body = { ...shared, expiresIn, ...(label === '' ? {} : { label }) };
  return (await client.request('v1/shares', { method: 'POST', body })) as NewShare;
}

/** Those that there are, the last one made first. @throws {NearcastError} why not */
export async function listShares(client: Nearcast): Promise<Share[]> {
  const shares: Share[] = [];
  let path: string | undefined = 'v1/shares?limit=100';
  for (let page = 0; path !== undefined && page < MAX_PAGES; page++) {
    const answer = (await client.request(path)) as { shares: Share[]; next?: string };
    shares.push(...answer.shares);
    path = answer.next;
  }
  return shares.reverse();
}

/** Ends a share; one that is over already is fine. @throws {NearcastError} why not */
export async function endShare(client: Nearcast, id: string): Promise<void> {
  try {
    await client.request(`v1/shares/${encodeURIComponent(id)}`, { method: 'DELETE' });
  } catch (error) {
    if (!(error instanceof NearcastError) || error.code !== 'not_found') throw error;
  }
}

/** Why a share cannot be made, listed or ended, for the reader. */
export function explain({ code, message }: NearcastError): string {
  if (code === 'forbidden') return `This token may not do that: ${message}`;
  if (code === 'limit') return `${message} Ending links that are no longer needed makes room.`;
  if (code === 'unavailable') return 'The server cannot store that now. Try again in a while.';
  if (code === 'network') return 'The server cannot be reached now.';
  return message;
}
