import { formatCount, formatDuration } from '../ui/format.ts';
import { useTick } from '../ui/tick.ts';
import type { Dashboard } from './dashboard.ts';

type Tone = 'good' | 'warn' | 'bad' | 'muted';

/** How the connection stands, and how old what comes by it is: always in view. */
export function StatusBar({ dashboard }: { dashboard: Dashboard }) {
  const { tone, text } = connectionOf(dashboard);
  const { rate, age, lastAt } = dashboard.live.gauge.delivery.value;
  useTick();
  const quiet = sinceLast(dashboard, lastAt);
  const isLive = tone === 'good' && !dashboard.counting.value;
  return (
    <div class="status">
      <span class={`dot ${tone}`} aria-hidden="true" />
      <span role="status" class="status-text">
        {text}
      </span>
      {isLive && (
        <span class="muted number" title="How long ago the server had received what arrived here, in the middle">
          {age === undefined
            ? quiet === undefined
              ? 'nothing yet'
              : `quiet for ${formatDuration(quiet)}`
            : `${formatAge(age)} old · ${formatCount(Math.round(rate))}/s`}
        </span>
      )}
      {!isLive && tone === 'warn' && quiet !== undefined && (
        <span class="muted number">as of {formatDuration(quiet)} ago</span>
      )}
    </div>
  );
}

function connectionOf(dashboard: Dashboard): { tone: Tone; text: string } {
  const { session, live } = dashboard;
  if (session.closed.value !== undefined) return { tone: 'bad', text: 'Not signed in' };
  if (dashboard.paused.value) return { tone: 'muted', text: 'Replay' };
  if (dashboard.counting.value) {
    return dashboard.census.problem.value === undefined
      ? { tone: 'good', text: 'Counts' }
      : { tone: 'warn', text: 'No counts; trying again…' };
  }
  if (live.state.value === 'live') return { tone: 'good', text: 'Live' };
  if (live.state.value === 'failed' || session.connection.value === 'failed') return { tone: 'bad', text: 'Stopped' };
  if (live.state.value === 'interrupted') return { tone: 'warn', text: 'Reconnecting…' };
  if (session.problem.value !== undefined) return { tone: 'warn', text: 'No connection; trying again…' };
  // A wide view is counted before it is watched; what keeps that from being done is told in a notice.
  if (live.state.value === 'off' && session.client.value !== undefined) return { tone: 'muted', text: 'Counting…' };
  return { tone: 'muted', text: 'Connecting…' };
}

/** Milliseconds since anything was told; undefined where nothing was. @param lastAt of what is pushed, by the server's clock */
function sinceLast({ counting, census, now }: Dashboard, lastAt: number | undefined): number | undefined {
  if (!counting.value) return lastAt === undefined ? undefined : now - lastAt;
  const countedAt = census.countedAt.value;
  return countedAt === undefined ? undefined : Date.now() - countedAt;
}

/** Milliseconds matter where it is quick. */
function formatAge(age: number): string {
  return age < 1000 ? `${Math.round(age)} ms` : formatDuration(age);
}
