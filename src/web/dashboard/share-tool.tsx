import { useEffect, useState } from 'preact/hooks';
import { asError } from '../session/as-error.ts';
import { appRoot } from '../session/session.ts';
import { isShare } from '../session/token.ts';
import { formatDistance, formatDuration } from '../ui/format.ts';
import { Icon } from '../ui/icon.tsx';
import { useTick } from '../ui/tick.ts';
import { formatArea, isCircle } from './area-link.ts';
import { copyText } from './copy.ts';
import type { Dashboard } from './dashboard.ts';
import { guestLink } from './guest-link.ts';
import { endShare, explain, LIFETIMES, listShares, makeShare, type Share, type Shared } from './shares.ts';
import './share-tool.css';

/** Gives away what is seen: to who has a token, and to guests. */
export function ShareTool({ dashboard }: { dashboard: Dashboard }) {
  // The link is to what the map shows now.
  void dashboard.rested.value;
  void dashboard.where.value;
  void dashboard.subject.value;
  const view = `${location.origin}${location.pathname}${dashboard.link}`;
  return (
    <>
      <section class="share-part" aria-labelledby="share-view">
        <h3 id="share-view">This view</h3>
        <CopyField label="Link to this view" text={view} />
        <p class="muted">There is no token in it: who opens it needs one.</p>
      </section>
      <section class="share-part" aria-labelledby="share-guest">
        <h3 id="share-guest">For a guest</h3>
        {isShare(dashboard.session.token.value ?? '') ? (
          <p class="muted">You are a guest here yourself: a guest’s link makes no others.</p>
        ) : (
          <GuestLinks dashboard={dashboard} />
        )}
      </section>
    </>
  );
}

/** A text to be copied. */
function CopyField({ label, text }: { label: string; text: string }) {
  const [said, setSaid] = useState<string>();
  useEffect(() => setSaid(undefined), [text]);
  const copy = async (field: HTMLInputElement | null) => {
    const isCopied = await copyText(text);
    if (!isCopied) field?.select();
    setSaid(isCopied ? 'Copied.' : 'It is selected: copy it by the keys.');
  };
  return (
    <>
      <div class="share-copy">
        <input
          class="field"
          readOnly
          aria-label={label}
          value={text}
          onFocus={({ currentTarget }) => currentTarget.select()}
        />
        <button
          type="button"
          class="button"
          onClick={({ currentTarget }) => void copy(currentTarget.parentElement?.querySelector('input') ?? null)}
        >
          Copy
        </button>
      </div>
      <p class="good share-said" role="status">
        {said}
      </p>
    </>
  );
}

/** What is chosen to be shown: the driver that is selected, else the circle that is watched. */
function chosen(dashboard: Dashboard): { shared: Shared; text: string } | string {
  const subject = dashboard.subject.value;
  const driverId = dashboard.selected.value;
  if (driverId !== undefined) return { shared: { driverId }, text: driverId };
  if (subject.kind !== 'area') return 'Select a driver, or draw a circle: a guest’s link shows that, and nothing else.';
  if (!isCircle(subject.area)) return 'A guest’s link shows a driver or a circle; this is a polygon.';
  const { latitude, longitude, radius } = subject.area;
  return { shared: { latitude, longitude, radius }, text: `who is in the circle of ${formatDistance(radius)}` };
}

function GuestLinks({ dashboard }: { dashboard: Dashboard }) {
  const client = dashboard.session.client.value;
  const [shares, setShares] = useState<readonly Share[]>();
  const [fault, setFault] = useState<string>();
  const [seconds, setSeconds] = useState<number>(LIFETIMES[0].seconds);
  const [label, setLabel] = useState('');
  const [made, setMade] = useState<{ link: string; text: string; share: Share }>();
  const [isBusy, setBusy] = useState(false);
  const attempt = async (act: () => Promise<void>) => {
    // What is answered to the token of before is nobody's matter any more.
    const isOver = () => dashboard.session.client.peek() !== client;
    setBusy(true);
    setFault(undefined);
    try {
      await act();
      const listed = client === undefined ? undefined : await listShares(client);
      if (!isOver()) setShares(listed);
    } catch (thrown) {
      if (isOver()) return;
      const error = asError(thrown);
      setFault(explain(error));
      if (error.code === 'unauthorized') dashboard.failed(error);
    } finally {
      if (!isOver()) setBusy(false);
    }
  };
  useEffect(() => {
    setShares(undefined);
    setMade(undefined);
    if (client !== undefined) void attempt(async () => {});
  }, [client]);
  useTick();
  const holding = shares?.filter(({ expiresAt }) => expiresAt > dashboard.session.serverTime) ?? [];
  const wanted = chosen(dashboard);
  const make = (event: Event) => {
    event.preventDefault();
    if (client === undefined || typeof wanted === 'string' || isBusy) return;
    const { shared, text } = wanted;
    void attempt(async () => {
      const share = await makeShare(client, shared, seconds, label.trim());
      const position = 'driverId' in shared ? dashboard.position.peek() : undefined;
      const at = position && { lat: position.latitude, lng: position.longitude, zoom: 15 };
      const area = 'driverId' in shared ? undefined : formatArea(shared);
      const link = guestLink(appRoot(), share, at, area);
      setMade({ link, text, share });
      setLabel('');
      void copyText(link);
    });
  };
  return (
    <>
      {typeof wanted === 'string' ? (
        <p class="muted">{wanted}</p>
      ) : (
        <form class="share-form" onSubmit={make}>
          <p>
            Shows <strong>{wanted.text}</strong>, live, to whoever has the link; nothing of the past.
          </p>
          <div class="share-terms">
            <label>
              For
              <select
                class="field"
                value={seconds}
                onChange={({ currentTarget }) => setSeconds(Number(currentTarget.value))}
              >
                {LIFETIMES.map((each) => (
                  <option key={each.seconds} value={each.seconds}>
                    {each.label}
                  </option>
                ))}
              </select>
            </label>
            <label>
              Label, for you
              <input
                class="field"
                maxLength={128}
                value={label}
                placeholder="Order 4711"
                onInput={({ currentTarget }) => setLabel(currentTarget.value)}
              />
            </label>
          </div>
          <button type="submit" class="button primary" disabled={isBusy}>
            <Icon name="share" size={18} /> Make a guest’s link
          </button>
        </form>
      )}
      {fault !== undefined && (
        <p class="warn" role="alert">
          {fault}
        </p>
      )}
      {made !== undefined && (
        <div class="share-made">
          <CopyField label={`Guest’s link to ${made.text}`} text={made.link} />
          <p class="muted">
            Shows {made.text}; ends {formatEnd(made.share.expiresAt)}. It cannot be shown again later.
          </p>
        </div>
      )}
      {holding.length > 0 && (
        <>
          <h3>Links that hold</h3>
          <ul class="share-list">
            {holding.map((share) => (
              <li key={share.id}>
                <span class="share-what">
                  {share.label ?? nameOf(share)}
                  <span class="muted">
                    {share.label !== undefined && `${nameOf(share)} · `}
                    ends in {formatDuration(share.expiresAt - dashboard.session.serverTime)}
                  </span>
                </span>
                <button
                  type="button"
                  class="button"
                  disabled={isBusy}
                  aria-label={`End the link to ${share.label ?? nameOf(share)}`}
                  onClick={() => {
                    if (client === undefined) return;
                    if (made?.share.id === share.id) setMade(undefined);
                    void attempt(() => endShare(client, share.id));
                  }}
                >
                  End
                </button>
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}

function nameOf({ driverId, radius }: Share): string {
  return driverId ?? (radius === undefined ? 'a share' : `circle of ${formatDistance(radius)}`);
}

function formatEnd(timestamp: number): string {
  return new Date(timestamp).toLocaleString([], { weekday: 'short', hour: '2-digit', minute: '2-digit' });
}
