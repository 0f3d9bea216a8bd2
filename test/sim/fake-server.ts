import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';

/** How the fake departs from a server in good health. */
export interface FakeSettings {
  /** Called with each message; true drops the connection instead of answering. */
  drop?: (received: number) => boolean;
  /** Closes every new connection with this code. */
  closeCode?: number;
  /** Answers the first so many fixes with the error `unavailable`. */
  unavailable?: number;
}

/** The latest a driver may be ahead of the clock, milliseconds. */
const MAX_FUTURE = 30_000;

/** As much of Nearcast's WebSocket as a driver sees: verdicts by event time, acknowledgements in order. */
export class FakeServer {
  readonly received: Record<string, unknown>[] = [];
  readonly tokens: string[] = [];
  connections = 0;
  /** Fixes whose timestamp lay in the future when they came. */
  future = 0;
  readonly #server: WebSocketServer;
  readonly #settings: FakeSettings;
  readonly #latest = new Map<string, number>();
  #unavailable: number;

  private constructor(server: WebSocketServer, settings: FakeSettings) {
    this.#server = server;
    this.#settings = settings;
    this.#unavailable = settings.unavailable ?? 0;
    server.on('connection', (socket, request) => {
      this.connections++;
      this.tokens.push(String(request.headers.authorization));
      if (settings.closeCode !== undefined) socket.close(settings.closeCode, 'as told');
      else socket.on('message', (data) => this.#hear(socket, JSON.parse(String(data))));
    });
  }

  static async start(settings: FakeSettings = {}): Promise<FakeServer> {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    return new FakeServer(server, settings);
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): Promise<void> {
    for (const socket of this.#server.clients) socket.terminate();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #hear(socket: WebSocket, message: Record<string, unknown>): void {
    this.received.push(message);
    const { id, driverId, latitude, timestamp } = message as Record<string, never>;
    if (this.#unavailable > 0) {
      this.#unavailable--;
      socket.send(JSON.stringify({ type: 'error', code: 'unavailable', message: 'later', id }));
      return;
    }
    const answer = this.#judge(driverId, latitude, timestamp);
    if (this.#settings.drop?.(this.received.length)) socket.terminate();
    else if (id !== undefined) socket.send(JSON.stringify({ type: 'ack', id, ...answer }));
  }

  #judge(driverId: string, latitude: number, timestamp: number): { verdict: string; code?: string } {
    if (timestamp > Date.now()) this.future++;
    if (Math.abs(latitude) > 90) return { verdict: 'refused', code: 'invalid' };
    if (timestamp > Date.now() + MAX_FUTURE) return { verdict: 'refused', code: 'future' };
    const latest = this.#latest.get(driverId) ?? Number.NEGATIVE_INFINITY;
    if (timestamp < latest) return { verdict: 'late' };
    if (timestamp === latest) return { verdict: 'duplicate' };
    this.#latest.set(driverId, timestamp);
    return { verdict: 'accepted' };
  }
}
