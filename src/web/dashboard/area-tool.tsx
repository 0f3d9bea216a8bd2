import { useEffect, useState } from 'preact/hooks';
import { formatCount, formatDistance, formatTime } from '../ui/format.ts';
import { Icon } from '../ui/icon.tsx';
import { cornersOf, isCircle } from './area-link.ts';
import { EVENT_TEXT, type LogEntry, toCsv } from './area-log.ts';
import { copyText } from './copy.ts';
import type { Dashboard } from './dashboard.ts';
import type { Drawing, Shape } from './drawing.ts';
import type { DrawnArea } from './subject.ts';
import './area-tool.css';

/** How often those who hear the page are told how many came and went, milliseconds. */
const HEARD = 10_000;
/** Entries that are drawn; all of them are in the CSV. */
const SHOWN = 100;

const SHAPES: readonly { readonly shape: Shape; readonly label: string }[] = [
  { shape: 'circle', label: 'Circle' },
  { shape: 'polygon', label: 'Polygon' },
];

/** Watches an area that is drawn on the map, and writes down who comes and goes. */
export function AreaTool({ dashboard }: { dashboard: Dashboard }) {
  const { drawing, fault } = dashboard.areaDrawing;
  const subject = dashboard.subject.value;
  const area = subject.kind === 'area' ? subject.area : undefined;
  const isRound = drawing.value === undefined ? area !== undefined && isCircle(area) : drawing.value.shape === 'circle';
  return (
    <>
      <fieldset class="area-shapes">
        <legend class="unseen">What to draw</legend>
        {SHAPES.map(({ shape, label }) => (
          <button
            key={shape}
            type="button"
            class="button"
            aria-pressed={drawing.value?.shape === shape}
            // By the keyboard a click has no count.
            onClick={({ detail }) => dashboard.areaDrawing.begin(shape, detail === 0)}
          >
            <Icon name={shape} size={18} /> {label}
          </button>
        ))}
      </fieldset>
      {drawing.value !== undefined ? (
        <Progress dashboard={dashboard} drawing={drawing.value} />
      ) : (
        area === undefined && <p class="muted">Draw where to look: only who is in there is shown, and logged.</p>
      )}
      {isRound && <RadiusForm dashboard={dashboard} area={area} />}
      {fault.value !== undefined && (
        <p class="warn" role="alert">
          {fault.value}
        </p>
      )}
      {area !== undefined && drawing.value === undefined && <Watched dashboard={dashboard} area={area} />}
    </>
  );
}

/** What to do next. */
function Progress({ dashboard, drawing }: { dashboard: Dashboard; drawing: Drawing }) {
  const { areaDrawing } = dashboard;
  const count = drawing.corners.length;
  return (
    <>
      <p role="status">{instruction(drawing, dashboard.aiming.value)}</p>
      <div class="area-actions">
        {drawing.shape === 'polygon' && (
          <button type="button" class="button primary" disabled={count < 3} onClick={() => areaDrawing.finish()}>
            Finish
          </button>
        )}
        <button type="button" class="button" disabled={count === 0} onClick={() => areaDrawing.back()}>
          Take back
        </button>
        <button type="button" class="button" onClick={() => areaDrawing.cancel()}>
          Cancel
        </button>
      </div>
    </>
  );
}

function instruction({ shape, corners }: Drawing, byKeys: boolean): string {
  const choose = byKeys ? 'Move the map with the arrows, and press Enter for' : 'Click';
  if (shape === 'circle') return `${choose} ${corners.length === 0 ? 'the centre' : 'a place on the rim'}.`;
  if (corners.length === 0) return `${choose} the first corner.`;
  if (corners.length < 3) return `${choose} the next corner.`;
  return `${choose} the next corner, or the first one again to close it.`;
}

function RadiusForm({ dashboard, area }: { dashboard: Dashboard; area: DrawnArea | undefined }) {
  const radius = area !== undefined && isCircle(area) ? area.radius : undefined;
  const [text, setText] = useState('');
  useEffect(() => setText(radius === undefined ? '' : String(radius)), [radius]);
  const enter = (event: Event) => {
    event.preventDefault();
    dashboard.areaDrawing.useRadius(Number(text.replace(',', '.')));
  };
  return (
    <form class="area-radius" onSubmit={enter} noValidate>
      <label for="area-radius">Radius in metres</label>
      <input
        id="area-radius"
        class="field number"
        inputMode="decimal"
        autocomplete="off"
        value={text}
        placeholder="1000"
        onInput={({ currentTarget }) => setText(currentTarget.value)}
      />
      <button type="submit" class="button" disabled={text.trim() === ''}>
        Set
      </button>
    </form>
  );
}

/** The area that is watched, and what happened there. */
function Watched({ dashboard, area }: { dashboard: Dashboard; area: DrawnArea }) {
  const { areaLog } = dashboard;
  const { start, entered, left, gone } = areaLog.totals.value;
  const entries = areaLog.entries.value;
  void dashboard.drivers.version.value;
  return (
    <>
      <p class="area-inside">
        <strong class="number">{formatCount(dashboard.drivers.inside.size)}</strong> inside{' '}
        <span class="muted">
          {describe(area)}
          {start !== undefined && `; ${formatCount(start)} at the start`}
        </span>
      </p>
      <button type="button" class="button" onClick={() => dashboard.watchView()}>
        <Icon name="back" size={18} /> Back to the view
      </button>
      <h3 class="area-totals number">
        {formatCount(entered)} entered · {formatCount(left)} left
        {gone > 0 && <span class="muted"> · {formatCount(gone)} gone otherwise</span>}
      </h3>
      <Spoken dashboard={dashboard} />
      {entries.length === 0 ? (
        <p class="muted">Nobody has come or gone yet.</p>
      ) : (
        <>
          <ol class="area-log">
            {entries.slice(0, SHOWN).map((entry) => (
              <Row key={entry.id} dashboard={dashboard} entry={entry} />
            ))}
          </ol>
          {entries.length > SHOWN && (
            <p class="muted">and {formatCount(entries.length - SHOWN)} earlier ones, which are in the CSV.</p>
          )}
          <LogActions dashboard={dashboard} />
        </>
      )}
    </>
  );
}

function Row({ dashboard, entry: { at, driverId, event } }: { dashboard: Dashboard; entry: LogEntry }) {
  return (
    <li>
      <button type="button" class="row" onClick={() => void dashboard.find(driverId)}>
        <time class="muted number" dateTime={new Date(at).toISOString()}>
          {formatTime(at)}
        </time>
        <span class="row-id">{driverId}</span>
        <span class={event === 'entered' ? 'good' : event === 'left' ? '' : 'warn'}>{EVENT_TEXT[event]}</span>
      </button>
    </li>
  );
}

function LogActions({ dashboard }: { dashboard: Dashboard }) {
  const [said, setSaid] = useState<string>();
  const csv = () => toCsv(dashboard.areaLog.entries.peek());
  const copy = async () => setSaid((await copyText(csv())) ? 'Copied.' : 'It cannot be copied here: download it.');
  return (
    <div class="area-actions">
      <button type="button" class="button" onClick={() => void copy()}>
        Copy CSV
      </button>
      <button type="button" class="button" onClick={() => download(csv())}>
        Download
      </button>
      <button
        type="button"
        class="button"
        onClick={() => {
          dashboard.areaLog.clear();
        }}
      >
        Clear
      </button>
      <span class="muted" role="status">
        {said}
      </span>
    </div>
  );
}

/** Tells those who hear the page how many came and went, now and then, and in few words. */
function Spoken({ dashboard }: { dashboard: Dashboard }) {
  const [text, setText] = useState('');
  useEffect(() => {
    let told = dashboard.areaLog.totals.peek();
    const timer = setInterval(() => {
      const { entered, left, gone, start } = dashboard.areaLog.totals.peek();
      const came = Math.max(0, entered - told.entered);
      const went = Math.max(0, left + gone - told.left - told.gone);
      told = { entered, left, gone, start };
      if (came + went > 0) setText(`${came} came in, ${went} went; ${dashboard.drivers.inside.size} are inside.`);
    }, HEARD);
    return () => clearInterval(timer);
  }, [dashboard]);
  return (
    <p class="unseen" aria-live="polite">
      {text}
    </p>
  );
}

function describe(area: DrawnArea): string {
  if (isCircle(area)) return `a circle of ${formatDistance(area.radius)}`;
  return `a polygon of ${cornersOf(area).length} corners`;
}

function download(csv: string): void {
  const url = URL.createObjectURL(new Blob([csv], { type: 'text/csv' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = `nearcast-area-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
