import { theme, toggleTheme } from '../session/theme.ts';
import { Icon, type IconName } from '../ui/icon.tsx';
import type { Dashboard, ToolName } from './dashboard.ts';
import { Keys } from './keys.tsx';

const TOOLS: readonly { readonly name: ToolName; readonly icon: IconName; readonly label: string }[] = [
  { name: 'area', icon: 'polygon', label: 'Area' },
  { name: 'nearest', icon: 'nearest', label: 'Nearest' },
  { name: 'replay', icon: 'replay', label: 'Replay' },
  { name: 'share', icon: 'share', label: 'Share' },
];

/** The tools of the map. */
export function Toolbar({ dashboard }: { dashboard: Dashboard }) {
  const open = dashboard.tool.value;
  const isDark = theme.value === 'dark';
  return (
    <div class="toolbar card" role="toolbar" aria-label="Tools" aria-orientation="vertical">
      {TOOLS.map(({ name, icon, label }) => (
        <button
          key={name}
          type="button"
          class="button plain icon"
          data-tool={name}
          aria-pressed={open === name}
          aria-label={label}
          title={label}
          onClick={() => {
            dashboard.tool.value = open === name ? undefined : name;
          }}
        >
          <Icon name={icon} />
        </button>
      ))}
      <button
        type="button"
        class="button plain icon"
        aria-pressed={dashboard.show.value === 'counts'}
        aria-label="Counts by cell"
        title="Counts by cell"
        onClick={() => {
          dashboard.show.value = dashboard.show.value === 'counts' ? 'automatic' : 'counts';
        }}
      >
        <Icon name="density" />
      </button>
      <button
        type="button"
        class="button plain icon"
        aria-label={isDark ? 'Light' : 'Dark'}
        title={isDark ? 'Light' : 'Dark'}
        onClick={toggleTheme}
      >
        <Icon name={isDark ? 'light' : 'dark'} />
      </button>
      <hr />
      <button
        type="button"
        class="button plain icon"
        aria-label="Come closer"
        title="Come closer"
        onClick={() => dashboard.base.map.zoomIn()}
      >
        <Icon name="plus" />
      </button>
      <button
        type="button"
        class="button plain icon"
        aria-label="Go further away"
        title="Go further away"
        onClick={() => dashboard.base.map.zoomOut()}
      >
        <Icon name="minus" />
      </button>
      <Keys dashboard={dashboard} />
    </div>
  );
}
