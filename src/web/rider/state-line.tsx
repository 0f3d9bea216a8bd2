import { formatCount } from '../ui/format.ts';
import { LISTED } from './driver-list.tsx';
import { radii, radiusName } from './radius.ts';
import type { RiderProps } from './rider-page.tsx';

/** How current the answer is, and what can be done where there is none. It is told when that changes, and not as drivers move. */
export function StateLine({ nearest, session, radius, onlyAvailable }: RiderProps) {
  const state = nearest.state.value;
  const problem = nearest.problem.value;
  const count = nearest.drivers.value.length;
  const within = `within ${radiusName(radius.value)}`;
  const isEmpty = state === 'live' && count === 0;
  const wider = radii.find((metres) => metres > radius.value);
  return (
    <div class="state">
      <p role="status" data-state={isEmpty ? 'nobody' : state}>
        {problem !== undefined && state !== 'live'
          ? ''
          : words(isEmpty ? 'nobody' : state, within, onlyAvailable.value)}
        {session.connection.value === 'waiting' && state === 'asking' && ' There is no connection yet.'}
      </p>
      {state === 'live' && count > 0 && (
        <p class="muted number">
          {formatCount(count)} {within}
          {count > LISTED && `, the nearest ${LISTED}:`}
        </p>
      )}
      {isEmpty && (
        <p class="ways">
          {wider !== undefined && (
            <button class="button" type="button" onClick={() => (radius.value = wider)}>
              Look within {radiusName(wider)}
            </button>
          )}
          {onlyAvailable.value && (
            <button class="button" type="button" onClick={() => (onlyAvailable.value = false)}>
              Show the busy ones, too
            </button>
          )}
        </p>
      )}
      {problem !== undefined && session.closed.value === undefined && (
        <div class="notice bad" role="alert">
          <strong>{problem.code === 'forbidden' ? 'This token may not look there' : 'There is no answer'}</strong>
          <p>{problem.message}</p>
          <button class="button" type="button" onClick={() => nearest.again()}>
            Try again
          </button>
        </div>
      )}
    </div>
  );
}

function words(state: string, within: string, onlyAvailable: boolean): string {
  if (state === 'live') return 'Live.';
  if (state === 'nobody')
    return `Nobody ${onlyAvailable ? 'available ' : ''}${within}. Whoever comes is shown at once.`;
  if (state === 'interrupted') return 'Reconnecting… What you see is of before.';
  if (state === 'asking' || state === 'pending') return 'Looking…';
  return '';
}
