import type { IssuerKeys } from '../auth/jwks.ts';
import type { Instruments } from './instruments.ts';

/** Whether there are the keys that tokens are held against. @param keys absent: no issuer is asked for any */
export function issuerMetrics(on: Instruments, keys: Pick<IssuerKeys, 'available'> | undefined): void {
  on.gauge(
    'nearcast_issuer_available',
    'Whether the keys of JWKS_URL could be fetched when last they were asked for, or there is none: 1 or 0.',
    [],
    () => [{ value: Number(keys?.available ?? true) }],
  );
}
