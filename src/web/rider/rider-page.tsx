import type { Signal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { Header } from '../phone/header.tsx';
import type { Session } from '../session/session.ts';
import { useKeptFocus } from '../ui/kept-focus.ts';
import { TokenDialog } from '../ui/token-dialog.tsx';
import { DriverList } from './driver-list.tsx';
import type { Nearest } from './nearest.ts';
import { PlaceCard } from './place-card.tsx';
import { Radar } from './radar.tsx';
import { radii, radiusName } from './radius.ts';
import { StateLine } from './state-line.tsx';
import type { Whereabouts } from './whereabouts.ts';

export interface RiderProps {
  readonly session: Session;
  readonly whereabouts: Whereabouts;
  readonly nearest: Nearest;
  /** Metres. */
  readonly radius: Signal<number>;
  readonly onlyAvailable: Signal<boolean>;
}

/** The page of a rider: who is near me? */
export function RiderPage(props: RiderProps) {
  const { session, whereabouts, nearest, radius } = props;
  const state = nearest.state.value;
  const drivers = nearest.drivers.value;
  const main = useRef<HTMLElement>(null);
  useKeptFocus(main);
  const onLeave = session.client.value && (() => session.leave());
  return (
    <div class="page rider">
      <Header title="Who is near?" session={session} onLeave={onLeave} />
      <main ref={main}>
        <PlaceCard whereabouts={whereabouts} />
        {whereabouts.here.value !== undefined && (
          <>
            <Asked {...props} />
            <StateLine {...props} />
            {(state === 'live' || drivers.length > 0) && (
              <div class={`found ${state === 'live' ? '' : 'old'}`}>
                <Radar drivers={drivers} radius={radius.value} />
                <DriverList drivers={drivers} session={session} />
              </div>
            )}
          </>
        )}
      </main>
      <TokenDialog session={session} purpose="Seeing who is near" />
    </div>
  );
}

function Asked({ radius, onlyAvailable }: RiderProps) {
  return (
    <form class="asked" onSubmit={(event) => event.preventDefault()}>
      <label>
        <span class="unseen">Radius</span>
        <select
          class="field"
          value={radius.value}
          onChange={({ currentTarget }) => {
            radius.value = Number(currentTarget.value);
          }}
        >
          {radii.map((metres) => (
            <option key={metres} value={metres}>
              within {radiusName(metres)}
            </option>
          ))}
        </select>
      </label>
      <label class="switch">
        <input
          type="checkbox"
          role="switch"
          aria-checked={onlyAvailable.value}
          checked={onlyAvailable.value}
          onChange={({ currentTarget }) => {
            onlyAvailable.value = currentTarget.checked;
          }}
        />
        Available only
      </label>
    </form>
  );
}
