import { theme, toggleTheme } from '../session/theme.ts';
import type { IconName } from '../ui/icon.tsx';
import { IconButton } from '../ui/icon-button.tsx';
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
        <IconButton
          key={name}
          icon={icon}
          label={label}
          data-tool={name}
          aria-pressed={open === name}
          onClick={() => {
            dashboard.tool.value = open === name ? undefined : name;
          }}
        />
      ))}
      <IconButton
        icon="density"
        label="Counts by cell"
        aria-pressed={dashboard.show.value === 'counts'}
        onClick={() => {
          dashboard.show.value = dashboard.show.value === 'counts' ? 'automatic' : 'counts';
        }}
      />
      <IconButton icon={isDark ? 'light' : 'dark'} label={isDark ? 'Light' : 'Dark'} onClick={toggleTheme} />
      <hr />
      <IconButton icon="plus" label="Come closer" onClick={() => dashboard.base.map.zoomIn()} />
      <IconButton icon="minus" label="Go further away" onClick={() => dashboard.base.map.zoomOut()} />
      <Keys dashboard={dashboard} />
    </div>
  );
}
