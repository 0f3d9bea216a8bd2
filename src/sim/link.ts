import { WebSocket } from 'ws';

/** What a link tells its owner. */
export interface LinkEvents {
  /** The connection is open: for the first time or again. */
  open?(): void;
  /** A JSON message came. */
  message?(message: Record<string, unknown>): void;
  /** The connection was lost and will be made again. */
  lost?(reason: string): void;
  /** The server said that trying again is no use, or nobody answered for too long: there will be no more events. */
  failed?(reason: string): void;
  /** Bytes left the process; there may be room for more. */
  drained?(): void;
}

/** How a link behaves; all times in milliseconds. */
export interface LinkSettings {
  /** The WebSocket's address. */
  readonly url: string;
  /** Called before each connection, so that a token that has ended can be replaced. */
  readonly token: () => string;
  /** The first pause before connecting again; it doubles up to {@link maxPause}. */
  readonly minPause?: number;
  readonly maxPause?: number;
  /** How long the server may be away before the link fails. Absent: for ever. */
  readonly patience?: number;
}

/** The server pings every 25 s; a connection that is silent for longer than two of them is dead. */
const SILENCE = 60_000;
/** The server closes what does not authenticate within 10 s, so a connection that lived longer had a good token. */
const AUTHENTICATION = 15_000;
const LASTING = 5_000;
/** How long the server may take to answer a close. */
const FAREWELL = 2_000;
const UNAUTHORIZED = 4401;

/** A WebSocket to Nearcast that connects again with growing, jittered pauses, as the close codes ask for. */
export class Link {
  /** Times the connection was lost. */
  losses = 0;
  readonly #settings: LinkSettings;
  readonly #events: LinkEvents;
  #socket: WebSocket | undefined;
  #openedAt: number | undefined;
  #awaySince: number | undefined;
  #pause: number;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(settings: LinkSettings, events: LinkEvents) {
    this.#settings = settings;
    this.#events = events;
    this.#pause = settings.minPause ?? 250;
    this.#connect();
  }

  get isOpen(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Bytes handed over and not yet on the wire. */
  get bufferedAmount(): number {
    return this.#socket?.bufferedAmount ?? 0;
  }

  /** Sends a text message. The link must be open. */
  send(text: string): void {
    this.#socket?.send(text, () => this.#events.drained?.());
  }

  /** Drops the connection and makes it again after a pause. */
  reconnect(reason: string): void {
    this.#socket?.close(1000, reason);
  }

  /** Closes the connection for good; resolves when it is closed. */
  close(): Promise<void> {
    this.#ended = true;
    clearTimeout(this.#timer);
    const socket = this.#socket;
    if (socket === undefined || socket.readyState === WebSocket.CLOSED) return Promise.resolve();
    return new Promise((resolve) => {
      socket.once('close', () => resolve());
      if (socket.readyState === WebSocket.CONNECTING) {
        socket.terminate();
        return;
      }
      socket.close(1000);
      this.#timer = setTimeout(() => socket.terminate(), FAREWELL);
    });
  }

  #connect(): void {
    const socket = new WebSocket(this.#settings.url, {
      headers: { authorization: `Bearer ${this.#settings.token()}` },
      perMessageDeflate: false,
      handshakeTimeout: 15_000,
    });
    this.#socket = socket;
    let why = '';
    const alive = () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => socket.terminate(), SILENCE);
    };
    socket.on('open', () => {
      this.#openedAt = performance.now();
      this.#awaySince = undefined;
      alive();
      this.#events.open?.();
    });
    socket.on('ping', alive);
    socket.on('message', (data) => {
      this.#timer?.refresh();
      this.#events.message?.(JSON.parse(String(data)));
    });
    // `ws` reports a refused upgrade as an error with the status, then closes.
    socket.on('error', (error) => {
      why = error.message || (error as NodeJS.ErrnoException).code || 'connection failed';
    });
    socket.on('close', (code, reason) => {
      clearTimeout(this.#timer);
      if (!this.#ended) this.#closed(code, why || `${code} ${reason}`.trim());
    });
  }

  #closed(code: number, reason: string): void {
    const lived = this.#openedAt === undefined ? 0 : performance.now() - this.#openedAt;
    if (this.#openedAt !== undefined) this.losses++;
    this.#openedAt = undefined;
    // Only a connection that lasted starts the pauses anew, else a server that drops everybody at once is hammered.
    if (lived > LASTING) this.#pause = this.#settings.minPause ?? 250;
    this.#awaySince ??= performance.now();
    const tokenEnded = code === UNAUTHORIZED && lived > AUTHENTICATION;
    const hopeless = (code >= 4400 && code < 4500) || /server response: 4(?!08|29)\d\d/.test(reason);
    const away = performance.now() - this.#awaySince;
    if ((hopeless && !tokenEnded) || away > (this.#settings.patience ?? Number.POSITIVE_INFINITY)) {
      this.#ended = true;
      this.#events.failed?.(reason);
      return;
    }
    this.#events.lost?.(reason);
    this.#timer = setTimeout(() => this.#connect(), this.#pause * (0.5 + Math.random() / 2));
    this.#pause = Math.min(this.#pause * 2, this.#settings.maxPause ?? 10_000);
  }
}
