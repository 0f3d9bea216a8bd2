import { useState } from 'preact/hooks';
import { DeviceNotice } from '../phone/device-notice.tsx';
import { placeIn } from '../phone/place.ts';
import { formatDistance } from '../ui/format.ts';
import { Icon } from '../ui/icon.tsx';
import type { Whereabouts } from './whereabouts.ts';

/** Where the rider is: said in a line, or asked for. */
export function PlaceCard({ whereabouts }: { whereabouts: Whereabouts }) {
  const [isChanging, change] = useState(false);
  const here = whereabouts.here.value;
  if (here === undefined || isChanging) {
    const onDone = here === undefined ? undefined : () => change(false);
    return <AskPlace whereabouts={whereabouts} onDone={onDone} />;
  }
  return (
    <>
      <p class="here">
        <Icon name="nearest" size={18} />
        <span class="number">
          {here.latitude.toFixed(5)}, {here.longitude.toFixed(5)}
          <small class="muted">
            {here.by === 'device' ? ` your position ± ${formatDistance(here.accuracy ?? 0)}` : ' as entered'}
          </small>
        </span>
        <button class="button" type="button" onClick={() => change(true)}>
          Change
        </button>
      </p>
      <DeviceNotice device={whereabouts.device} />
    </>
  );
}

interface AskPlaceProps {
  readonly whereabouts: Whereabouts;
  /** Leaves it; absent while there is no place to go back to. */
  readonly onDone?: () => void;
}

function AskPlace({ whereabouts, onDone }: AskPlaceProps) {
  const [text, setText] = useState('');
  const [isWrong, setWrong] = useState(false);
  const enter = (event: Event) => {
    event.preventDefault();
    const place = placeIn(text);
    setWrong(place === undefined);
    if (place === undefined) return;
    whereabouts.stay(place);
    onDone?.();
  };
  return (
    <section class="card" aria-label="Your place">
      <h2>Where are you?</h2>
      <button
        class="button primary"
        type="button"
        onClick={() => {
          setWrong(false);
          whereabouts.useDevice();
          onDone?.();
        }}
      >
        <Icon name="follow" size={18} /> {whereabouts.isAsking.value ? 'Looking…' : 'Use my position'}
      </button>
      <DeviceNotice device={whereabouts.device} />
      <form class="typed" onSubmit={enter}>
        <label>
          Or latitude, longitude
          <input
            class="field"
            value={text}
            placeholder="40.7549, -73.984"
            autocomplete="off"
            aria-invalid={isWrong}
            aria-describedby={isWrong ? 'place-fault' : undefined}
            onInput={({ currentTarget }) => {
              setText(currentTarget.value);
              setWrong(false);
            }}
          />
        </label>
        <button class="button" type="submit">
          Look there
        </button>
      </form>
      {isWrong && (
        <p id="place-fault" class="bad" role="alert">
          That is no place: a latitude is −90 … 90 degrees, a longitude −180 … 180, as in 40.7549, -73.984.
        </p>
      )}
      {onDone !== undefined && (
        <button class="button" type="button" onClick={onDone}>
          Stay where you are
        </button>
      )}
    </section>
  );
}
