import { useEffect, useRef, useState } from 'preact/hooks';
import type { Closed, Session } from '../session/session.ts';
import { isShare, isToken } from '../session/token.ts';
import { Dialog } from './dialog.tsx';
import { Icon } from './icon.tsx';

const TITLES: Record<Closed, string> = {
  'no token': 'Who is asking?',
  ended: 'Your token has ended',
  refused: 'This token is not taken',
};

/** Asks for a token while there is none that is taken; what the page shows stays behind it. */
export function TokenDialog({ session, purpose }: { session: Session; purpose: string }) {
  const closed = session.closed.value;
  const [text, setText] = useState('');
  const [fault, setFault] = useState<string>();
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    if (closed !== undefined) field.current?.focus();
  }, [closed]);
  if (closed === undefined) return null;
  const enter = (event: Event) => {
    event.preventDefault();
    const token = tokenIn(text);
    if (token === undefined) {
      setFault('That is no token: one has three parts with dots between them, or begins with share_.');
      field.current?.focus();
      return;
    }
    setText('');
    setFault(undefined);
    session.enter(token);
  };
  return (
    <Dialog title={TITLES[closed]}>
      <form onSubmit={enter}>
        <p class="muted">{explanation(closed, purpose, session)}</p>
        <label>
          Token, or a link with one
          <textarea
            ref={field}
            class="field"
            value={text}
            onInput={({ currentTarget }) => setText(currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key === 'Enter' && !event.shiftKey) enter(event);
            }}
            spellcheck={false}
            autocomplete="off"
            aria-invalid={fault !== undefined}
            aria-describedby={fault === undefined ? undefined : 'token-fault'}
          />
        </label>
        {fault !== undefined && (
          <p id="token-fault" class="bad" role="alert">
            {fault}
          </p>
        )}
        <button class="button primary" type="submit">
          <Icon name="leave" size={18} /> Go on
        </button>
        <p class="muted">
          A server that you run prints a link with a token when it starts without a key of its own; with one,{' '}
          <code>npm run token -- --help</code> makes them. It is kept in this tab alone.
        </p>
      </form>
    </Dialog>
  );
}

function explanation(closed: Closed, purpose: string, session: Session): string {
  if (closed === 'no token') return `${purpose} takes a token that may do so.`;
  const share = isShare(session.token.value ?? '');
  if (closed === 'ended') return 'Enter a new one to go on where you are; what you see is of when it ended.';
  if (share) return 'This guest’s link has ended, was taken back, or never was.';
  const why = session.problem.value?.message;
  return `The server says: ${why ?? 'unauthorized'}`;
}

/** The token in what was pasted: by itself, behind `Bearer`, in quotes, or in a link. */
function tokenIn(text: string): string | undefined {
  const bare = text.trim().replace(/^Bearer\s/i, '');
  const linked = /[#&?](?:access_)?token=([\w.~-]+)/.exec(bare)?.[1];
  const token = linked ?? bare.replace(/^["'\s]+/, '').replace(/["'\s]+$/, '');
  return isToken(token) ? token : undefined;
}
