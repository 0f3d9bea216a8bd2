import { signal } from '@preact/signals';
import type { Position } from '../../client/index.ts';
import { SILENT_TIME } from '../session/silence.ts';
import { formatCount, formatDuration, formatSpeed } from '../ui/format.ts';
import type { Dashboard } from './dashboard.ts';
import { DensityLegend } from './density-legend.tsx';
import { Swatch } from './swatch.tsx';

/** What was typed to look for. */
export const query = signal('');

/** Who is listed: a list of thousands is read by nobody. */
const MAX_ROWS = 100;

/** Who is in view, as text: what the map shows, for those who do not see it, and to pick from. */
export function DriverList({ dashboard }: { dashboard: Dashboard }) {
  void dashboard.drivers.version.value;
  if (dashboard.counting.value) return <CountsSummary dashboard={dashboard} />;
  const matching = driversMatching(dashboard, query.value);
  const { size } = dashboard.drivers.inside;
  const state = dashboard.live.state.value;
  // That nobody is known of yet does not mean that nobody is there.
  if (matching.length === 0 && size === 0 && !dashboard.paused.value && state !== 'live' && state !== 'interrupted') {
    return state === 'pending' ? <p class="list-count muted">Loading…</p> : null;
  }
  return (
    <>
      <p class="list-count" id="list-count">
        <strong class="number">{formatCount(size)}</strong> {size === 1 ? 'driver' : 'drivers'} {place(dashboard)}
        {dashboard.drivers.ghosts.size > 0 && (
          <span class="muted"> · {formatCount(dashboard.drivers.ghosts.size)} gone silent</span>
        )}
      </p>
      <ul class="drivers" aria-labelledby="list-count">
        {matching.slice(0, MAX_ROWS).map(({ position, stale }) => (
          <li key={position.driverId}>
            <Row dashboard={dashboard} position={position} stale={stale} />
          </li>
        ))}
      </ul>
      {matching.length > MAX_ROWS && (
        <p class="muted">and {formatCount(matching.length - MAX_ROWS)} more: type a part of an id, or come closer.</p>
      )}
    </>
  );
}

/** Who is on the map with a text in the id, whatever its case, in the order of their ids. */
export function driversMatching({ drivers }: Dashboard, text: string): { position: Position; stale: boolean }[] {
  const wanted = text.trim().toLowerCase();
  const matching: { position: Position; stale: boolean }[] = [];
  const add = (positions: Iterable<Position>, stale: boolean) => {
    for (const position of positions) {
      if (position.driverId.toLowerCase().includes(wanted)) matching.push({ position, stale });
    }
  };
  add(drivers.ghosts.values(), true);
  add(drivers.inside.values(), false);
  return matching.sort((a, b) => compare(a.position.driverId, b.position.driverId));
}

function Row({ dashboard, position, stale }: { dashboard: Dashboard; position: Position; stale: boolean }) {
  const silence = dashboard.now - position.receivedAt;
  const isSilent = stale || silence > SILENT_TIME;
  return (
    <button
      type="button"
      class={`row${isSilent ? ' silent' : ''}`}
      data-driver={position.driverId}
      onClick={() => void dashboard.find(position.driverId)}
    >
      <Swatch index={isSilent ? undefined : dashboard.facets.colourOf(position.attributes)} />
      <span class="row-id">{position.driverId}</span>
      <span class="muted number">
        {isSilent ? `silent ${formatDuration(silence)}` : position.speed == null ? '' : formatSpeed(position.speed)}
      </span>
    </button>
  );
}

function CountsSummary({ dashboard }: { dashboard: Dashboard }) {
  const counts = dashboard.census.counts.value;
  if (counts === undefined) return <p class="list-count muted">Counting…</p>;
  return (
    <>
      <p class="list-count">
        <strong class="number">{formatCount(counts.total)}</strong> {counts.total === 1 ? 'driver' : 'drivers'} in view,
        in {formatCount(counts.cells.features.length)} {counts.cells.features.length === 1 ? 'cell' : 'cells'}.
      </p>
      <DensityLegend dashboard={dashboard} />
    </>
  );
}

function place(dashboard: Dashboard): string {
  const subject = dashboard.subject.value;
  if (subject.kind === 'area') return 'in the drawn area';
  if (subject.kind === 'follow') return `around ${subject.driverId}`;
  return 'in view';
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
