import { useSignal } from '@preact/signals';
import { formatCount } from '../ui/format.ts';
import { Icon } from '../ui/icon.tsx';
import type { Dashboard } from './dashboard.ts';
import { driversMatching, query } from './driver-list.tsx';

/** Looks for a driver: among those in view as one types, and in the whole fleet at the end. */
export function Search({ dashboard, onFound }: { dashboard: Dashboard; onFound: () => void }) {
  const missed = useSignal<{ asked: string; why: string } | undefined>(undefined);
  const find = async (event: Event) => {
    event.preventDefault();
    const asked = query.value.trim();
    if (asked === '') return;
    const matching = driversMatching(dashboard, asked);
    const isWhole = dashboard.drivers.of(asked) !== undefined;
    const wanted = matching.length === 1 && !isWhole ? matching[0].position.driverId : asked;
    const found = await dashboard.find(wanted);
    if (found === 'found') {
      query.value = '';
      onFound();
    } else if (found === 'missing') missed.value = { asked, why: whyMissing(dashboard, asked, matching.length) };
  };
  const missedNow = missed.value?.asked === query.value.trim() ? missed.value : undefined;
  return (
    <search>
      <form class="search" onSubmit={find}>
        <label class="unseen" for="search">
          Find a driver by its id
        </label>
        <Icon name="search" size={18} />
        <input
          id="search"
          class="field"
          type="search"
          placeholder="Find a driver"
          value={query.value}
          onInput={({ currentTarget }) => {
            query.value = currentTarget.value;
          }}
          autocomplete="off"
          spellcheck={false}
          enterkeyhint="search"
        />
        {missedNow !== undefined && (
          <p class="warn search-missed" role="alert">
            {missedNow.why}
          </p>
        )}
      </form>
    </search>
  );
}

function whyMissing({ paused }: Dashboard, asked: string, matching: number): string {
  if (matching > 1) return `${formatCount(matching)} drivers in view have “${asked}” in their id: choose one below.`;
  return paused.value ? `“${asked}” is not on the map now.` : `There is no driver “${asked}” on duty.`;
}
