import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { pino } from 'pino';
import { expect, vi } from 'vitest';
import { collectGarbage } from './garbage.ts';
import { type TestServer, token } from './server.ts';

/** Milliseconds in which a busy machine must have let go of what is gone. */
const PATIENCE = 10_000;
/** Timers of the test runner, and what the event loop has still in its hands; of far more that come and go. */
const FEW = 4;

/** A log of warnings and worse, by message. */
export function listeningLog(): { log: pino.Logger; lines: string[] } {
  const lines: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) } as unknown as Writable);
  return { log, lines };
}

/** What a server holds for its peers, counted in the places where it is held. */
export class Remains {
  readonly #server: TestServer;
  readonly #sockets: WeakRef<Socket>[] = [];
  #before: Record<string, number> = {};

  /** Of the connections that are made from now on, and of what there is beside. */
  static async of(server: TestServer): Promise<Remains> {
    const remains = new Remains(server);
    remains.#before = await remains.#count();
    return remains;
  }

  private constructor(server: TestServer) {
    this.#server = server;
    server.app.server.on('connection', (socket) => this.#sockets.push(new WeakRef(socket)));
  }

  /** Connections that were made. */
  get made(): number {
    return this.#sockets.length;
  }

  get subscriptions(): number {
    let subscriptions = 0;
    for (const fleet of this.#server.tracker.aspects()) subscriptions += fleet.subscriptions.size;
    return subscriptions;
  }

  /** WebSockets and event streams that the server knows of. */
  async connections(): Promise<number> {
    return (await this.#count()).connections;
  }

  /** Resolves when the server holds what it held before, and not a socket of those that are gone. */
  async none(): Promise<void> {
    const { handles: handlesBefore, ...before } = this.#before;
    const check = async () => {
      const { handles, ...now } = await this.#count();
      expect(now).toEqual(before);
      expect(handles).toBeLessThanOrEqual(handlesBefore + FEW);
    };
    await vi.waitFor(check, { timeout: PATIENCE });
    await collectGarbage();
    const kept = this.#sockets.map((socket) => socket.deref()).filter((socket) => socket?.destroyed);
    expect(kept.length).toBeLessThanOrEqual(FEW);
  }

  async #count(): Promise<Record<string, number>> {
    const { app, tracker } = this.#server;
    let watchers = 0;
    for (const fleet of tracker.aspects()) {
      for (const driver of fleet.drivers.values()) watchers += driver.watchers.length;
    }
    const metrics = await app.inject({
      url: '/metrics',
      headers: { authorization: `Bearer ${token({ sub: 'judge', scope: 'metrics:read' })}` },
    });
    const gauge = (name: string) =>
      [...metrics.body.matchAll(new RegExp(`^${name}(?:{[^}]*})? (\\S+)$`, 'gm'))].reduce(
        (sum, [, n]) => sum + Number(n),
        0,
      );
    return {
      sockets: await new Promise((resolve) => app.server.getConnections((_, count) => resolve(count))),
      subscriptions: this.subscriptions,
      watchers,
      connections: gauge('nearcast_connections'),
      waiting: gauge('nearcast_outbox_bytes') + gauge('nearcast_outbox_drivers'),
      handles: process.getActiveResourcesInfo().filter((name) => /^(Timeout|TCPSocketWrap|TCPWrap)$/.test(name)).length,
    };
  }
}
