import { DeviceNotice } from '../phone/device-notice.tsx';
import { Header } from '../phone/header.tsx';
import { isOnline } from '../phone/online.ts';
import type { Session } from '../session/session.ts';
import { formatCount } from '../ui/format.ts';
import { TokenDialog } from '../ui/token-dialog.tsx';
import { sends } from './details.ts';
import { DetailsForm } from './details-form.tsx';
import type { Duty, Phase } from './duty.ts';
import { Sent } from './sent.tsx';

/** The page of a driver. */
export function DriverPage({ session, duty }: { session: Session; duty: Duty }) {
  const mayLeave = session.client.value !== undefined && duty.phase.value === 'off';
  return (
    <div class="page">
      <Header title="Driver" session={session} onLeave={mayLeave ? () => session.leave() : undefined} />
      <main>
        <MayNotSend session={session} />
        <DutyCard session={session} duty={duty} />
        <DeviceNotice device={duty.device} />
        <DetailsForm session={session} duty={duty} />
        <Sent duty={duty} />
        <p class="muted">
          Sent when the phone has moved, and every half minute while it stands. Keep this page in front: browsers tell
          no position to one behind others.
        </p>
      </main>
      <TokenDialog session={session} purpose="Driving" />
    </div>
  );
}

const PHASES: Record<Phase, string> = {
  off: 'Off duty: nobody finds you.',
  elsewhere: 'Another tab of this browser is on duty; this one takes over when it is closed.',
  on: 'On duty: whoever may see drivers sees you.',
  ending: 'Going off duty.',
};

function DutyCard({ session, duty }: { session: Session; duty: Duty }) {
  const phase = duty.phase.value;
  const isOn = phase === 'on' || phase === 'elsewhere';
  const isBlind = phase === 'on' && duty.device.problem.value !== undefined;
  return (
    <section class="card" aria-label="Duty">
      <button
        class={`button duty ${isOn ? 'on' : 'primary'}`}
        type="button"
        disabled={duty.driverId.value === undefined}
        onClick={() => (isOn ? duty.stop() : void duty.start())}
      >
        {isOn ? 'Go off duty' : phase === 'ending' ? 'Stay on duty' : 'Go on duty'}
      </button>
      <p role="status" data-phase={phase}>
        {isBlind ? 'On duty, but without a position.' : PHASES[phase]}{' '}
        {phase === 'on' && duty.isAwake.value && 'The screen stays on.'}
      </p>
      <Waiting session={session} duty={duty} />
    </section>
  );
}

function Waiting({ session, duty }: { session: Session; duty: Duty }) {
  const waiting = duty.waiting.value;
  const isGoing =
    isOnline.value && session.connection.value === 'open' && duty.sender.value?.problem.value === undefined;
  // One that is on its way is not worth a word.
  if (waiting === 0 || (isGoing && waiting === 1)) return null;
  return (
    <p class="waiting warn number" data-waiting={waiting}>
      {formatCount(waiting)} {waiting === 1 ? 'fix waits' : 'fixes wait'}{' '}
      {duty.phase.value === 'off' ? 'from before: sent when you go on duty' : 'for the network'}
    </p>
  );
}

function MayNotSend({ session }: { session: Session }) {
  if (session.token.value === undefined || sends(session.claims.value) !== 'none') return null;
  const { scope } = session.claims.value;
  return (
    <div class="notice bad" role="alert">
      <strong>This token may not send positions</strong>
      <p>
        It {scope ? <>allows {scope}</> : 'has no scopes'}; a driver’s has the scope <code>positions:write</code>, a
        gateway’s <code>positions:write:any</code>.
      </p>
      <button class="button" type="button" onClick={() => session.leave()}>
        Use another token
      </button>
    </div>
  );
}
