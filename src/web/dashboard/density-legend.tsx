import { stepsTo } from '../map/cells-ramp.ts';
import { theme } from '../session/theme.ts';
import { formatCount } from '../ui/format.ts';
import type { Dashboard } from './dashboard.ts';

/** What the colours of cells mean. */
export function DensityLegend({ dashboard }: { dashboard: Dashboard }) {
  const features = dashboard.census.counts.value?.cells.features ?? [];
  if (features.length === 0) return null;
  const most = features.reduce((so, { properties }) => Math.max(so, properties.count), 0);
  const steps = stepsTo(most, theme.value);
  return (
    <div class="ramp">
      <p class="muted">Drivers in a cell</p>
      <ol>
        {steps.map(({ from, colour }, index) => (
          <li key={from}>
            <span class="ramp-colour" style={{ background: colour }} />
            <span class="number">{rangeText(from, index + 1 < steps.length ? steps[index + 1].from - 1 : most)}</span>
          </li>
        ))}
      </ol>
      <p class="muted">Click on a cell to come closer.</p>
    </div>
  );
}

function rangeText(from: number, to: number): string {
  return from >= to ? formatCount(from) : `${formatCount(from)}–${formatCount(to)}`;
}
