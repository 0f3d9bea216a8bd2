import type { Dashboard } from './dashboard.ts';

/** What to do where nobody is shown. */
export function Empty({ dashboard }: { dashboard: Dashboard }) {
  void dashboard.drivers.version.value;
  const isLive = dashboard.live.state.value === 'live';
  if (!isLive || dashboard.counting.value || dashboard.paused.value) return null;
  if (dashboard.drivers.inside.size > 0 || dashboard.drivers.ghosts.size > 0) return null;
  const isFiltered = Object.keys(dashboard.where.value).length > 0;
  const isView = dashboard.subject.value.kind === 'view';
  if (isView && !isFiltered && dashboard.nobody.value) {
    return (
      <div class="empty card" role="status">
        <p>
          Nobody is on duty. <a href="./driver">Become a driver</a>, on a phone or here, or send a position.
        </p>
      </div>
    );
  }
  return (
    <div class="empty card" role="status">
      <p>{isFiltered ? 'Nobody here has these attributes.' : 'Nobody is here.'}</p>
      {isFiltered && (
        <button type="button" class="button" onClick={() => dashboard.setWhere({})}>
          Show all
        </button>
      )}
      {isView ? (
        <button type="button" class="button" onClick={() => void dashboard.showFleet()}>
          Show the whole fleet
        </button>
      ) : (
        <button type="button" class="button" onClick={() => dashboard.watchView()}>
          Back to the view
        </button>
      )}
    </div>
  );
}
