import { computed, effect, signal } from '@preact/signals';
import type { Theme } from '../map/theme.ts';
import { browserStorage } from './storage.ts';

const KEY = 'nearcast.theme';
const ofSystem = matchMedia('(prefers-color-scheme: dark)');
const systemTheme = signal<Theme>(ofSystem.matches ? 'dark' : 'light');
ofSystem.addEventListener('change', ({ matches }) => {
  systemTheme.value = matches ? 'dark' : 'light';
});

const kept = browserStorage.getItem(KEY);
const chosen = signal<Theme | undefined>(kept === 'light' || kept === 'dark' ? kept : undefined);

/** What the page looks like: as was chosen, or else as the system does. */
export const theme = computed<Theme>(() => chosen.value ?? systemTheme.value);

effect(() => {
  document.documentElement.dataset.theme = theme.value;
});

/** Goes from light to dark or back, for this and later visits; back to what the system has goes with the system again. */
export function toggleTheme(): void {
  const next = theme.value === 'light' ? 'dark' : 'light';
  chosen.value = next === systemTheme.value ? undefined : next;
  if (chosen.value === undefined) browserStorage.removeItem(KEY);
  else browserStorage.setItem(KEY, next);
}
