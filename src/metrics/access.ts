import type { Instruments } from './instruments.ts';

/** What is read off who keeps up with the shares and revocations of other instances; see `auth/access.ts`. */
export interface AccessState {
  /** How long ago all that others changed was last read, milliseconds. */
  readonly behind: number;
}

/** How well it is known what other instances shared and revoked. */
export function accessMetrics(on: Instruments, access: AccessState): void {
  on.gauge(
    'nearcast_access_behind_seconds',
    'How long ago it was last read what other instances shared and revoked.',
    [],
    () => [{ value: access.behind / 1000 }],
  );
}
