import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Message } from '../support/client.ts';

/** Hands things over in their order, to whoever waits for them. */
class Line<T> {
  readonly #things: T[] = [];
  readonly #waiting: ((thing: T) => void)[] = [];

  /** How many were not taken. */
  get length(): number {
    return this.#things.length;
  }

  put(thing: T): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#things.push(thing);
    else waiting(thing);
  }

  take(): Promise<T> {
    if (this.#things.length > 0) return Promise.resolve(this.#things.shift() as T);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

/** The server's side of one WebSocket, played by a test. */
export class FakeConnection {
  /** The token that it came with. */
  readonly token: string;
  readonly closed: Promise<number>;
  readonly #socket: WebSocket;
  readonly #heard = new Line<Message>();

  constructor(socket: WebSocket, request: IncomingMessage) {
    this.#socket = socket;
    const protocols = request.headers['sec-websocket-protocol']?.split(',') ?? [];
    this.token = protocols[1]?.trim().replace('bearer.', '') ?? '';
    this.closed = once(socket, 'close').then(([code]) => code);
    let last: string | undefined;
    socket.on('message', (data: Buffer) => {
      const message = JSON.parse(data.toString());
      // With a subscription goes a ping that is of no matter here.
      const isBeside = message.type === 'ping' && message.id === undefined && last === 'subscribe';
      last = message.type;
      if (!isBeside) this.#heard.put(message);
    });
    socket.on('error', () => {});
  }

  /** Messages that the client sent and nobody took. */
  get untaken(): number {
    return this.#heard.length;
  }

  /** The next message of the client; those of another type before it are dropped. */
  async next(type?: string): Promise<Message> {
    for (;;) {
      const message = await this.#heard.take();
      if (type === undefined || message.type === type) return message;
    }
  }

  send(message: object | string): void {
    this.#socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  /** Answers the next `subscribe`, which is returned. */
  async snapshot(drivers: readonly object[], more: object = {}): Promise<Message> {
    const asked = await this.next('subscribe');
    this.send({ type: 'snapshot', subscription: asked.subscription, ...MOMENT, resumed: false, drivers, ...more });
    return asked;
  }

  /** Answers the next `update`, which is returned, in the order in which a server does that has read the ping with it. */
  async updated(changes: object = {}): Promise<Message> {
    const asked = await this.next('update');
    const { id } = await this.next('ping');
    this.send({ type: 'pong', id, serverTime: MOMENT.serverTime });
    this.changes(asked.subscription, changes);
    return asked;
  }

  changes(subscription: string, changes: object, more: object = {}): void {
    this.send({ type: 'changes', subscription, ...MOMENT, ...changes, ...more });
  }

  close(code: number, reason = ''): void {
    this.#socket.close(code, reason);
  }

  /** Cuts the connection: no close frame. */
  cut(): void {
    this.#socket.terminate();
  }
}

const MOMENT = { cursor: 'c', serverTime: 1_800_000_000_000 };

/** A server whose answers a test plays, for what a real one in good health does not do. */
export class FakeServer {
  readonly port: number;
  /** What was asked over HTTP: method, path and token. */
  readonly requests: string[] = [];
  /** Answers over HTTP, in their order; after them 204. */
  readonly answers: { status: number; body?: object; headers?: Record<string, string> }[] = [];
  readonly #connections = new Line<FakeConnection>();
  made = 0;

  static async start(): Promise<FakeServer> {
    const http = createServer();
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    return new FakeServer(http);
  }

  private constructor(http: ReturnType<typeof createServer>) {
    this.port = (http.address() as AddressInfo).port;
    const sockets = new WebSocketServer({ server: http, handleProtocols: () => 'nearcast.v1' });
    sockets.on('connection', (socket, request) => {
      this.made++;
      this.#connections.put(new FakeConnection(socket, request));
    });
    http.on('request', ({ method, url, headers }, response) => {
      this.requests.push(`${method} ${url} ${headers.authorization}`);
      const { status, body, headers: more } = this.answers.shift() ?? { status: 204 };
      response.writeHead(status, more);
      response.end(body === undefined ? undefined : JSON.stringify(body));
    });
    onTestFinished(async () => {
      for (const socket of sockets.clients) socket.terminate();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    });
  }

  /** The next connection that a client makes, or has made. */
  connection(): Promise<FakeConnection> {
    return this.#connections.take();
  }
}
