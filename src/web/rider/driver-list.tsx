import { now } from '../phone/now.ts';
import type { Session } from '../session/session.ts';
import { SILENT_TIME } from '../session/silence.ts';
import { formatDistance, formatDuration, formatHeading } from '../ui/format.ts';
import type { Near } from './nearest.ts';

/** So many are listed. */
export const LISTED = 10;

/** The nearest drivers, nearest first. */
export function DriverList({ drivers, session }: { drivers: readonly Near[]; session: Session }) {
  // Ages go on while nobody moves.
  void now.value;
  const client = session.client.value;
  return (
    <ol class="nearest" aria-label="The nearest drivers">
      {drivers.slice(0, LISTED).map((near) => (
        <Driver
          key={near.position.driverId}
          near={near}
          age={client?.age(near.position) ?? 0}
          // By the server’s clock alone: that of a phone may be slow.
          isSilent={client !== undefined && client.serverTime - near.position.receivedAt > SILENT_TIME}
        />
      ))}
    </ol>
  );
}

function Driver({ near, age, isSilent }: { near: Near; age: number; isSilent: boolean }) {
  const { position, distance, bearing } = near;
  const { driverId, attributes = {} } = position;
  const { status, vehicle } = attributes;
  return (
    <li data-driver={driverId} data-distance={distance.toFixed(1)} class={isSilent ? 'silent' : ''}>
      <svg class="bearing" aria-hidden="true" viewBox="-12 -12 24 24" width="28" height="28">
        <path d="M0-9 6.5 8 0 4.5-6.5 8Z" transform={`rotate(${Math.round(bearing)})`} />
      </svg>
      <span class="who">
        <strong>{driverId}</strong>
        <small class="muted">
          {status !== undefined && <span class={status === 'available' ? 'good' : ''}>{status}</span>}
          {vehicle !== undefined && <span>{vehicle}</span>}
          <span class="number">{formatDuration(age)} ago</span>
        </small>
      </span>
      <span class="far number">
        {/* Who is nearer is to be seen. */}
        {distance >= 1000 && distance < 9995 ? `${(distance / 1000).toFixed(2)} km` : formatDistance(distance)}{' '}
        <span class="unseen">to the {formatHeading(bearing).split(' ')[1]}</span>
      </span>
    </li>
  );
}
