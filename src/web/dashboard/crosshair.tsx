import type { Dashboard } from './dashboard.ts';

/** Shows what Enter takes: the middle of the map, where a place is chosen by keys. */
export function Crosshair({ dashboard }: { dashboard: Dashboard }) {
  if (!dashboard.aiming.value) return null;
  return (
    <svg class="crosshair" width="44" height="44" viewBox="0 0 44 44" fill="none" aria-hidden="true">
      <path d="M22 2v14m0 12v14M2 22h14m12 0h14" stroke="currentColor" strokeWidth="3" strokeLinecap="round" />
      <circle cx="22" cy="22" r="2" fill="currentColor" />
    </svg>
  );
}
