import { useEffect } from 'preact/hooks';
import { IconButton } from '../ui/icon-button.tsx';
import type { Dashboard } from './dashboard.ts';

/** How long a notice stays, milliseconds. */
const STAY = 12_000;

/** What went wrong last, until it is read or old. */
export function NoticeCard({ dashboard }: { dashboard: Dashboard }) {
  const notice = dashboard.notice.value;
  useEffect(() => {
    if (notice === undefined) return;
    const timer = setTimeout(() => {
      dashboard.notice.value = undefined;
    }, STAY);
    return () => clearTimeout(timer);
  }, [notice, dashboard]);
  const isFailed = dashboard.live.state.value === 'failed' && dashboard.session.closed.value === undefined;
  if (notice === undefined && !isFailed) return null;
  return (
    <div class="notice card" role="alert">
      <p>{notice?.text ?? 'The server does not go on with this.'}</p>
      {isFailed && (
        <button type="button" class="button" onClick={() => dashboard.live.retry()}>
          Try again
        </button>
      )}
      {notice !== undefined && (
        <IconButton
          icon="close"
          label="Close"
          size={18}
          onClick={() => {
            dashboard.notice.value = undefined;
          }}
        />
      )}
    </div>
  );
}
