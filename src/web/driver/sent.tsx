import type { Fix } from '../../client/index.ts';
import { now } from '../phone/now.ts';
import { formatCount, formatDistance, formatDuration, formatHeading, formatSpeed } from '../ui/format.ts';
import type { Duty } from './duty.ts';
import type { Sender } from './sender.ts';

/** What was sent, and what became of it. */
export function Sent({ duty }: { duty: Duty }) {
  const sender = duty.sender.value;
  if (sender === undefined) return null;
  const { accepted, late, duplicate, refused, dropped } = sender.tally.value;
  const problem = sender.problem.value;
  return (
    <section class="card" aria-label="Sent">
      {problem !== undefined && (
        <div class="notice bad" role="alert">
          <strong>{problem.code === 'forbidden' ? 'This token may not send' : 'Fixes wait'}</strong>
          <p>{problem.message}</p>
        </div>
      )}
      <dl class="tally">
        <Count name="Accepted" count={accepted} />
        <Count name="Waiting" count={duty.waiting.value} />
        {late > 0 && <Count name="Late (kept in the history)" count={late} />}
        {duplicate > 0 && <Count name="Sent twice" count={duplicate} />}
        {refused > 0 && <Count name="Refused" count={refused} tone="bad" />}
        {dropped > 0 && <Count name="Dropped: too many waited" count={dropped} tone="bad" />}
      </dl>
      <Refusals sender={sender} />
      {sender.last.value && <LastFix fix={sender.last.value} />}
    </section>
  );
}

function Count({ name, count, tone = '' }: { name: string; count: number; tone?: string }) {
  return (
    <div>
      <dt class="muted">{name}</dt>
      <dd class={`number ${tone}`}>{formatCount(count)}</dd>
    </div>
  );
}

function Refusals({ sender }: { sender: Sender }) {
  const refusals = [...sender.refusals.value];
  if (refusals.length === 0) return null;
  return (
    <ul class="refusals bad">
      {refusals.map(([rule, count]) => (
        <li key={rule}>
          {rule} {count > 1 && <span class="number">({formatCount(count)} times)</span>}
        </li>
      ))}
    </ul>
  );
}

function LastFix({ fix }: { fix: Fix }) {
  const { latitude, longitude, timestamp, accuracy, speed, heading } = fix;
  return (
    <dl class="fix">
      <Field name="Last fix">{formatDuration(now.value - Number(timestamp))} ago</Field>
      <Field name="Place">
        {latitude.toFixed(5)}, {longitude.toFixed(5)}
      </Field>
      <Field name="Accuracy">{accuracy == null ? '–' : `± ${formatDistance(accuracy)}`}</Field>
      <Field name="Speed">{speed == null ? '–' : formatSpeed(speed)}</Field>
      <Field name="Heading">{heading == null ? '–' : formatHeading(heading)}</Field>
    </dl>
  );
}

function Field({ name, children }: { name: string; children: preact.ComponentChildren }) {
  return (
    <div>
      <dt class="muted">{name}</dt>
      <dd class="number">{children}</dd>
    </div>
  );
}
