import type { ConnectionState } from '../../client/index.ts';
import type { Session } from '../session/session.ts';
import { theme, toggleTheme } from '../session/theme.ts';
import { IconButton } from '../ui/icon-button.tsx';
import { isOnline } from './online.ts';

const STATES: Record<ConnectionState | 'offline', [words: string, tone: string]> = {
  offline: ['No network', 'warn'],
  idle: ['Not connected', 'muted'],
  connecting: ['Connecting…', 'warn'],
  open: ['Connected', 'good'],
  waiting: ['No connection', 'warn'],
  failed: ['Given up', 'bad'],
};

/** The top of a small page: what it is, how the connection stands, its look, and the way out. */
export function Header({ title, session, onLeave }: { title: string; session: Session; onLeave?: () => void }) {
  const state = isOnline.value ? session.connection.value : 'offline';
  const [words, tone] = STATES[state];
  const other = theme.value === 'light' ? 'dark' : 'light';
  return (
    <header class="top">
      <h1>{title}</h1>
      <span class={`connection ${tone}`} role="status" data-connection={state}>
        {words}
      </span>
      <IconButton icon={other} label={`Go ${other}`} onClick={toggleTheme} />
      <IconButton icon="leave" label="Forget the token" disabled={onLeave === undefined} onClick={onLeave} />
    </header>
  );
}
