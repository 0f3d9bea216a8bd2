import type { ComponentChildren } from 'preact';
import { SILENT_TIME } from '../session/silence.ts';
import { formatDate, formatDistance, formatDuration, formatHeading, formatSpeed } from '../ui/format.ts';
import { Icon } from '../ui/icon.tsx';
import type { Dashboard } from './dashboard.ts';
import { Swatch } from './swatch.tsx';
import type { TrailState } from './trail.ts';

const TRAIL_TEXT: Record<TrailState, string | undefined> = {
  off: undefined,
  loading: 'Loading the last hour…',
  shown: 'The line is where it was in the last hour.',
  empty: 'It has not moved in the last hour, as far as is kept.',
  'no history': 'No history is kept, or this token may not read it.',
  failed: 'The last hour cannot be read now.',
};

/** All that is known of the selected driver. */
export function DriverDetails({ dashboard, driverId }: { dashboard: Dashboard; driverId: string }) {
  const position = dashboard.position.value;
  const subject = dashboard.subject.value;
  const isFollowed = subject.kind === 'follow' && subject.driverId === driverId;
  void dashboard.live.gauge.delivery.value;
  const isStale = dashboard.drivers.ghosts.has(driverId);
  const isHere = dashboard.drivers.inside.has(driverId);
  const trail = TRAIL_TEXT[dashboard.trail.state.value];
  return (
    <article class="details" aria-label={`Driver ${driverId}`} tabIndex={-1}>
      <header>
        <button type="button" class="button plain" onClick={() => dashboard.select(undefined)}>
          <Icon name="back" size={18} /> All drivers
        </button>
        <button
          type="button"
          class="button"
          aria-pressed={isFollowed}
          onClick={() => (isFollowed ? dashboard.watchView() : dashboard.follow(driverId))}
        >
          <Icon name="follow" size={18} /> Follow
        </button>
      </header>
      <h2 class="details-id">
        {position !== undefined && (
          <Swatch index={isHere ? dashboard.facets.colourOf(position.attributes) : undefined} />
        )}
        {driverId}
      </h2>
      {position === undefined ? (
        <p class="muted">It is not in view, or no longer on duty.</p>
      ) : (
        <>
          {!isHere && !isStale && (
            <p class="warn">
              {dashboard.counting.value
                ? 'Drivers are counted now. This is how it was last seen.'
                : leftText(dashboard.leftFor.value)}
            </p>
          )}
          <Silence age={dashboard.now - position.receivedAt} isStale={isStale} />
          <dl class="facts">
            <Fact name="Age">{formatDuration(dashboard.now - position.timestamp)}</Fact>
            <Fact name="Speed">{position.speed == null ? 'unknown' : formatSpeed(position.speed)}</Fact>
            <Fact name="Heading">{position.heading == null ? 'unknown' : formatHeading(position.heading)}</Fact>
            <Fact name="Accuracy">
              {position.accuracy == null ? 'unknown' : `±${formatDistance(position.accuracy)}`}
            </Fact>
            <Fact name="Position">
              {position.latitude.toFixed(5)}, {position.longitude.toFixed(5)}
            </Fact>
            {position.altitude != null && <Fact name="Altitude">{Math.round(position.altitude)} m</Fact>}
            <Fact name="Taken at">{formatDate(position.timestamp)}</Fact>
          </dl>
          {Object.keys(position.attributes ?? {}).length > 0 && (
            <>
              <h3 class="muted">Attributes</h3>
              <dl class="facts">
                {/* As they were sent, or as a history has them: in one order. */}
                {Object.entries(position.attributes ?? {})
                  .sort(([a], [b]) => (a < b ? -1 : 1))
                  .map(([name, value]) => (
                    <Fact key={name} name={name}>
                      {String(value)}
                    </Fact>
                  ))}
              </dl>
            </>
          )}
        </>
      )}
      {trail !== undefined && (
        <p class="muted trail-text">
          <Icon name="trail" size={16} /> {trail}
        </p>
      )}
    </article>
  );
}

/** Why what is told is not of now. */
function leftText(reason: string | undefined): string {
  if (reason === 'offline') return 'It went off duty. This is how it was then.';
  if (reason === 'filtered') return 'It no longer has what the filter asks for. This is how it was then.';
  return 'It is not in view. This is how it was last seen.';
}

function Silence({ age, isStale }: { age: number; isStale: boolean }) {
  if (isStale) return <p class="warn">Gone silent: nothing was received for {formatDuration(age)}.</p>;
  if (age > SILENT_TIME) return <p class="warn">Nothing was received for {formatDuration(age)}.</p>;
  return null;
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <>
      <dt class="muted">{name}</dt>
      <dd class="number">{children}</dd>
    </>
  );
}
