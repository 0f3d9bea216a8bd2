import { signal } from '@preact/signals';
import type { Attributes } from '../../client/index.ts';
import { browserStorage, readJson } from '../session/storage.ts';
import type { Claims } from '../session/token.ts';

/** What a driver says of itself; kept in this browser. */
export interface Details {
  /** Asked for where the token is of a gateway, which may send for any driver. */
  readonly driverId: string;
  readonly status: 'available' | 'busy';
  readonly vehicle: string;
}

const KEY = 'nearcast.driver';
/** The details as they were entered last. */
export const details = signal(keptDetails());

/** The details that this browser keeps; for each that it does not, or that is none, the one of a newcomer. */
export function keptDetails(): Details {
  const { driverId, status, vehicle }: Partial<Record<keyof Details, unknown>> = Object(readJson(browserStorage, KEY));
  return {
    driverId: typeof driverId === 'string' ? driverId : '',
    status: status === 'busy' ? 'busy' : 'available',
    vehicle: typeof vehicle === 'string' ? vehicle : '',
  };
}

/** Takes what was entered. */
export function setDetails(changed: Partial<Details>): void {
  details.value = { ...details.value, ...changed };
  browserStorage.setItem(KEY, JSON.stringify(details.value));
}

/** What goes with each fix, and what riders can filter by. */
export function attributesOf({ status, vehicle }: Details): Attributes {
  return vehicle === '' ? { status } : { status, vehicle };
}

/** Whose positions a token may send: of `any` driver, its `own`, or `none`. */
export function sends({ scope = '' }: Claims): 'any' | 'own' | 'none' {
  const scopes = scope.split(' ');
  if (scopes.includes('positions:write:any')) return 'any';
  return scopes.includes('positions:write') ? 'own' : 'none';
}
