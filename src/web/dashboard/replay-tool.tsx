import { useEffect, useId, useState } from 'preact/hooks';
import type { NearcastError } from '../../client/index.ts';
import { isShare } from '../session/token.ts';
import { formatDate, formatTime } from '../ui/format.ts';
import { Icon } from '../ui/icon.tsx';
import type { Dashboard } from './dashboard.ts';
import {
  firstKept,
  localInput,
  type Period,
  PRESETS,
  periodBetween,
  SPEEDS,
  speedFor,
  untilNow,
} from './replay-period.ts';
import { ReplayPlayer } from './replay-player.ts';
import './replay-tool.css';

/** Keys move the slider by this part of the period. */
const STEPS = 240;

/** Plays what happened here, on the same map. */
export function ReplayTool({ dashboard }: { dashboard: Dashboard }) {
  const [player] = useState(() => new ReplayPlayer(dashboard));
  const [chosen, setChosen] = useState<string>();
  const [isAsking, setAsking] = useState(false);
  const [refusal, setRefusal] = useState<string>();
  useEffect(() => () => player.close(), [player]);
  const refused = player.state.value === 'failed' ? refusalOf(player.problem.value) : undefined;
  useEffect(() => {
    if (refused === undefined) return;
    setRefusal(refused);
    setChosen(undefined);
    player.close();
  }, [refused, player]);
  const why = whyNot(dashboard);
  if (why !== undefined) return <p>{why}</p>;
  const now = dashboard.session.serverTime;
  const period = player.period.value;
  const begin = (name: string, asked: Period) => {
    setChosen(name);
    setAsking(false);
    setRefusal(undefined);
    player.setSpeed(speedFor(asked));
    player.begin(asked);
  };
  return (
    <>
      <fieldset class="choices replay-periods">
        <legend class="unseen">What to play</legend>
        {PRESETS.map(({ name, label, begin: from }) => (
          <button
            key={name}
            type="button"
            class="chip"
            aria-pressed={chosen === name}
            title={label}
            onClick={() => begin(name, untilNow(from, now))}
          >
            {name}
          </button>
        ))}
        <button
          type="button"
          class="chip"
          aria-pressed={chosen === OTHER}
          aria-expanded={isAsking}
          title="Another time"
          onClick={() => setAsking(!isAsking)}
        >
          {OTHER}
        </button>
      </fieldset>
      {isAsking && <OtherPeriod dashboard={dashboard} now={now} begin={(asked) => begin(OTHER, asked)} />}
      {period !== undefined && <Transport player={player} period={period} />}
      <div>
        <p class="muted replay-saying" role="status">
          {period !== undefined ? (
            <Saying dashboard={dashboard} player={player} />
          ) : refusal !== undefined ? (
            <span class="warn">{refusal}</span>
          ) : (
            !isAsking && 'Choose a time, and see what happened here then.'
          )}
        </p>
        {period !== undefined && (
          <button
            type="button"
            class="button"
            onClick={() => {
              setChosen(undefined);
              player.close();
            }}
          >
            Back to live
          </button>
        )}
      </div>
    </>
  );
}

/** Why nothing can be played, whatever is chosen: the map is live again. */
function refusalOf(problem: NearcastError | undefined): string | undefined {
  if (problem?.code === 'not_found') return problem.message;
  return problem?.code === 'forbidden' ? 'This token may not see the past.' : undefined;
}

const OTHER = 'Other…';

/** Why there is nothing to be played to whoever looks, as far as is known before it is asked for. */
function whyNot({ settings, session }: Dashboard): string | undefined {
  if (settings.historyRetentionDays === 0) return 'This server keeps no history, so there is nothing to play.';
  if (isShare(session.token.value ?? '')) return 'A guest’s link shows what is now, and nothing of the past.';
  return undefined;
}

function OtherPeriod(props: { dashboard: Dashboard; now: number; begin: (period: Period) => void }) {
  const { dashboard, begin } = props;
  const { historyRetentionDays: days } = dashboard.settings;
  const [[from, to], setTimes] = useState([localInput(props.now - 3_600_000), localInput(props.now)]);
  const [fault, setFault] = useState<string>();
  const faultId = useId();
  const play = (event: Event) => {
    event.preventDefault();
    const present = dashboard.session.serverTime;
    const period = periodBetween(from, to, present, firstKept(present, days));
    setFault(typeof period === 'string' ? period : undefined);
    if (typeof period !== 'string') begin(period);
  };
  const [min, max] = [localInput(firstKept(props.now, days)), localInput(props.now)];
  const described = { min, max, class: 'field', type: 'datetime-local', 'aria-describedby': faultId } as const;
  return (
    <form class="replay-other" onSubmit={play} noValidate>
      <label>
        From
        <input {...described} value={from} onInput={({ currentTarget }) => setTimes([currentTarget.value, to])} />
      </label>
      <label>
        To
        <input {...described} value={to} onInput={({ currentTarget }) => setTimes([from, currentTarget.value])} />
      </label>
      <p id={faultId} class={fault === undefined ? 'muted' : 'warn'} role={fault === undefined ? undefined : 'alert'}>
        {fault ?? `History goes back ${days === 1 ? 'a day' : `${days} days`}.`}
      </p>
      <button type="submit" class="button primary">
        <Icon name="play" size={18} /> Play
      </button>
    </form>
  );
}

/** The clock, and what moves it. */
function Transport({ player, period }: { player: ReplayPlayer; period: Period }) {
  const { from, to } = period;
  const time = player.time.value;
  const state = player.state.value;
  const isGoing = state === 'playing' || (state !== 'failed' && player.isRunning.value);
  const step = Math.max(1_000, Math.round((to - from) / STEPS / 1_000) * 1_000);
  return (
    <>
      <p class="replay-clock">
        <span class="number">{formatTime(time)}</span> <span class="muted">{formatDay(time)}</span>
      </p>
      <div>
        <input
          class="replay-slider"
          type="range"
          aria-label="Time"
          aria-valuetext={formatDate(time)}
          min={0}
          max={to - from}
          step={step}
          value={time - from}
          onInput={({ currentTarget }) => player.seek(from + currentTarget.valueAsNumber)}
        />
        <p class="replay-ends muted number" aria-hidden="true">
          <span>{formatTime(from)}</span>
          <span>{formatTime(to)}</span>
        </p>
      </div>
      <div class="replay-controls">
        <button
          type="button"
          class="button primary icon"
          aria-label={isGoing ? 'Pause' : 'Play'}
          title={isGoing ? 'Pause' : 'Play'}
          onClick={() => (isGoing ? player.pause() : player.play())}
        >
          <Icon name={isGoing ? 'pause' : 'play'} />
        </button>
        <fieldset class="choices replay-speeds">
          <legend class="unseen">How fast</legend>
          {SPEEDS.map((speed) => (
            <button
              key={speed}
              type="button"
              class="chip number"
              aria-pressed={player.speed.value === speed}
              title={speed === 1 ? 'As it happened' : `${speed} times as fast`}
              onClick={() => player.setSpeed(speed)}
            >
              {speed}×
            </button>
          ))}
        </fieldset>
      </div>
    </>
  );
}

/** Why it is tried again. */
const WAITING: Readonly<Record<string, string>> = {
  network: 'The connection was lost; trying again…',
  unavailable: 'The server has too much to do, or cannot read its history now; trying again…',
  limit: 'You have too many requests or connections now; trying again…',
  unauthorized: 'The token has ended.',
};

/** How it stands, where that is not plain to see. */
function Saying({ dashboard, player }: { dashboard: Dashboard; player: ReplayPlayer }) {
  const problem = player.problem.value;
  // Who is shown has changed.
  void dashboard.drivers.version.value;
  switch (player.state.value) {
    case 'off':
      return null;
    case 'loading':
      return <>Loading…</>;
    case 'waiting':
      return <span class="warn">{WAITING[problem?.code ?? 'unavailable'] ?? problem?.message}</span>;
    case 'failed':
      if (problem?.code === 'limit') return <span class="warn">Too many drivers at a time: come closer.</span>;
      return <span class="warn">{problem?.message}</span>;
    case 'ended':
      return <>{player.hasSeen.value ? 'That was all.' : 'Nothing is kept of this time here: nobody was seen.'}</>;
    default:
      return <>{dashboard.drivers.inside.size === 0 ? 'Nobody was here at this time.' : ''}</>;
  }
}

function formatDay(timestamp: number): string {
  return new Date(timestamp).toLocaleDateString([], { weekday: 'short', month: 'short', day: 'numeric' });
}
