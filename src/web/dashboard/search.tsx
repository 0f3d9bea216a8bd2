import { useSignal } from '@preact/signals';
import { Icon } from '../ui/icon.tsx';
import type { Dashboard } from './dashboard.ts';
import { query } from './driver-list.tsx';

/** Looks for a driver: among those in view as one types, and in the whole fleet at the end. */
export function Search({ dashboard, onFound }: { dashboard: Dashboard; onFound: () => void }) {
  const missed = useSignal<string | undefined>(undefined);
  const find = async (event: Event) => {
    event.preventDefault();
    const driverId = query.value.trim();
    if (driverId === '') return;
    const [only, ...others] = [...dashboard.drivers.inside.keys()].filter((id) => id.includes(driverId));
    const wanted = dashboard.drivers.of(driverId) === undefined && others.length === 0 && only ? only : driverId;
    if (await dashboard.find(wanted)) {
      query.value = '';
      onFound();
    } else missed.value = driverId;
  };
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
            missed.value = undefined;
          }}
          autocomplete="off"
          spellcheck={false}
          enterkeyhint="search"
        />
        {missed.value !== undefined && (
          <p class="warn search-missed" role="alert">
            There is no driver “{missed.value}” on duty.
          </p>
        )}
      </form>
    </search>
  );
}
