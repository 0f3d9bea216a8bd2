import { useEffect, useState } from 'preact/hooks';
import { Dialog } from '../ui/dialog.tsx';
import { IconButton } from '../ui/icon-button.tsx';
import type { Dashboard } from './dashboard.ts';
import { query } from './driver-list.tsx';
import { closeTool } from './tool-panel.tsx';

const KEYS: readonly { readonly keys: readonly string[]; readonly does: string }[] = [
  { keys: ['/'], does: 'Find a driver' },
  { keys: ['Esc'], does: 'Close the tool, else the details, else take the filter away' },
  { keys: ['←', '→', '↑', '↓'], does: 'Move the map, when it has the focus' },
  { keys: ['+', '−'], does: 'Come closer, go further away' },
  { keys: ['Enter'], does: 'Choose the place at the crosshair, as a corner or a centre' },
  { keys: ['⌫'], does: 'Take the last corner back' },
  { keys: ['?'], does: 'Show these keys' },
];

/** Hears the page's own keys, and tells which there are. */
export function Keys({ dashboard }: { dashboard: Dashboard }) {
  const [isOpen, setOpen] = useState(false);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const isOurs = !event.defaultPrevented && !event.ctrlKey && !event.metaKey && !event.altKey;
      // A dialog has its own.
      if (!isOurs || document.querySelector('dialog[open]') !== null) return;
      if (event.key === 'Escape') {
        stepBack(dashboard, event.target);
        return;
      }
      if (isField(event.target)) return;
      if (event.key === '?') setOpen(true);
      else if (event.key === '/') focusSearch();
      else return;
      event.preventDefault();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [dashboard]);
  return (
    <>
      <IconButton icon="help" label="Keys" title="Keys (?)" onClick={() => setOpen(true)} />
      {isOpen && (
        <Dialog title="Keys" onClose={() => setOpen(false)}>
          <dl class="keys">
            {KEYS.map(({ keys, does }) => (
              <div key={does}>
                <dt>
                  {keys.map((key) => (
                    <kbd key={key}>{key}</kbd>
                  ))}
                </dt>
                <dd>{does}</dd>
              </div>
            ))}
          </dl>
          <button type="button" class="button primary" onClick={() => setOpen(false)}>
            Close
          </button>
        </Dialog>
      )}
    </>
  );
}

/** One step back: the search that is typed, the tool, the details, the filter. */
function stepBack(dashboard: Dashboard, target: EventTarget | null): void {
  const isSearching = target instanceof HTMLInputElement && target.id === 'search';
  if (isSearching && query.value !== '') query.value = '';
  else if (isSearching) target.blur();
  else if (dashboard.tool.peek() !== undefined) closeTool(dashboard);
  else if (dashboard.selected.peek() !== undefined) dashboard.select(undefined);
  else if (Object.keys(dashboard.where.peek()).length > 0) dashboard.setWhere({});
}

function focusSearch(): void {
  const field = document.getElementById('search');
  if (field === null) return;
  if (field.offsetParent !== null) {
    field.focus();
    return;
  }
  // On a phone the panel is down.
  document.querySelector<HTMLElement>('.sheet-toggle')?.click();
  requestAnimationFrame(() => field.focus());
}

/** Whether what is typed there is text. */
function isField(target: EventTarget | null): boolean {
  if (target instanceof HTMLInputElement) return !['range', 'checkbox', 'radio', 'button'].includes(target.type);
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}
