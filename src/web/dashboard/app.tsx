import { useEffect, useRef, useState } from 'preact/hooks';
import { TokenDialog } from '../ui/token-dialog.tsx';
import { Crosshair } from './crosshair.tsx';
import { Dashboard } from './dashboard.ts';
import { DriverDetails } from './driver-details.tsx';
import { DriverList } from './driver-list.tsx';
import { Empty } from './empty.tsx';
import { Legend } from './legend.tsx';
import { NoticeCard } from './notice.tsx';
import { Search } from './search.tsx';
import { StatusBar } from './status-bar.tsx';
import { ToolPanel } from './tool-panel.tsx';
import { Toolbar } from './toolbar.tsx';
import { Unavailable } from './unavailable.tsx';

/** The dashboard: a map, and beside it whom it shows. */
export function App() {
  const container = useRef<HTMLDivElement>(null);
  const [dashboard, setDashboard] = useState<Dashboard>();
  const [error, setError] = useState<Error>();
  useEffect(() => {
    if (container.current === null) return;
    try {
      setDashboard(new Dashboard(container.current));
    } catch (thrown) {
      console.error(thrown);
      setError(thrown as Error);
    }
  }, []);
  return (
    <main class="dashboard">
      <div ref={container} class="map" />
      {dashboard !== undefined && <Panels dashboard={dashboard} />}
      {error !== undefined && <Unavailable error={error} />}
    </main>
  );
}

function Panels({ dashboard }: { dashboard: Dashboard }) {
  const [open, setOpen] = useState(false);
  const selected = dashboard.selected.value;
  // On a phone the sheet comes up for a driver that was tapped.
  useEffect(() => {
    if (selected !== undefined) setOpen(true);
  }, [selected]);
  // A tool is for the map, of which a sheet leaves little.
  const tool = dashboard.tool.value;
  useEffect(() => {
    if (tool !== undefined && dashboard.camera.covered.peek() > 0) setOpen(false);
  }, [tool, dashboard]);
  // Beside the map it covers none of the middle; as a sheet from below it does.
  const panel = useRef<HTMLElement>(null);
  useEffect(() => {
    const element = panel.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => {
      const isSheet = element.offsetWidth === element.parentElement?.offsetWidth;
      dashboard.camera.covered.value = isSheet ? element.offsetHeight : 0;
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [dashboard]);
  const body = useRef<HTMLDivElement>(null);
  const before = useRef(selected);
  useEffect(() => {
    const last = before.current;
    before.current = selected;
    // What was pressed may be gone: the keys go on at what took its place, or where they came from.
    if (last === selected || document.activeElement !== document.body) return;
    const rows = body.current?.querySelectorAll<HTMLElement>('.drivers .row') ?? [];
    const row = [...rows].find(({ dataset }) => dataset.driver === last);
    if (row !== undefined) row.focus();
    else {
      body.current?.scrollTo(0, 0);
      (body.current?.querySelector<HTMLElement>('.details') ?? body.current)?.focus({ preventScroll: true });
    }
  }, [selected]);
  const state = dashboard.live.state.value;
  const isStill = state === 'interrupted' || state === 'failed';
  return (
    <>
      <Crosshair dashboard={dashboard} />
      {/* Before the list, which is long for whoever goes through it by keys. */}
      <Toolbar dashboard={dashboard} />
      <ToolPanel dashboard={dashboard} />
      <section ref={panel} class={`panel card${open ? ' open' : ''}`} aria-label="Drivers">
        <header class="panel-head">
          <h1 class="brand">
            <svg class="mark" viewBox="0 0 24 24" aria-hidden="true">
              <circle cx="12" cy="12" r="3.2" />
              <path d="M5.6 18.4a9 9 0 0 1 0-12.8m12.8 0a9 9 0 0 1 0 12.8" />
            </svg>
            Nearcast
          </h1>
          <StatusBar dashboard={dashboard} />
          <button
            type="button"
            class="button plain icon sheet-toggle"
            aria-expanded={open}
            aria-label={open ? 'Show less' : 'Show the drivers'}
            onClick={() => setOpen(!open)}
          >
            <span class="grip" />
          </button>
        </header>
        <div ref={body} class="panel-body" tabIndex={-1}>
          <Search dashboard={dashboard} onFound={() => setOpen(true)} />
          {selected === undefined ? (
            <>
              <Legend dashboard={dashboard} />
              <DriverList dashboard={dashboard} />
            </>
          ) : (
            <DriverDetails dashboard={dashboard} driverId={selected} />
          )}
        </div>
      </section>
      <Empty dashboard={dashboard} />
      <NoticeCard dashboard={dashboard} />
      {isStill && <div class="veil" />}
      <TokenDialog session={dashboard.session} purpose="The dashboard reads where drivers are, and" />
    </>
  );
}
