import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** One connection that goes through. */
interface Link {
  /** To the client. */
  readonly down: Socket;
  /** To the server. */
  readonly up: Socket;
}

/** A network between clients and a server, with real connections on both sides, that can be made bad. */
export class Network {
  /** Connections so far. */
  joined = 0;
  readonly port: number;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  readonly #rate: number;
  #frozen = false;

  /** @param rate bytes a second that each client is let have; what it is not waits on the server's side */
  static async to(port: number, rate = Number.POSITIVE_INFINITY): Promise<Network> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const network = new Network(server, port, rate);
    onTestFinished(() => network.close());
    return network;
  }

  private constructor(server: Server, port: number, rate: number) {
    this.#server = server;
    this.#rate = rate;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (down) => this.#join({ down, up: connect(port, '127.0.0.1') }));
  }

  /** Number of connections. */
  get size(): number {
    return this.#links.size;
  }

  /** Lets nothing through any more, and tells nobody: to both sides the other is there, and silent. */
  freeze(): void {
    this.#frozen = true;
    for (const { down, up } of this.#links) {
      down.pause();
      up.pause();
    }
  }

  /** Lets through again what waited, and what comes. */
  thaw(): void {
    this.#frozen = false;
    for (const { down, up } of this.#links) {
      down.resume();
      up.resume();
    }
  }

  /** Breaks every connection, as when a phone changes its network. */
  cut(): void {
    for (const { down, up } of this.#links) {
      down.resetAndDestroy();
      up.resetAndDestroy();
    }
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    if (this.#server.listening) await once(this.#server, 'close');
  }

  #join(link: Link): void {
    const { down, up } = link;
    this.#links.add(link);
    this.joined++;
    down.setNoDelay();
    up.setNoDelay();
    this.#forward(up, down, this.#rate);
    this.#forward(down, up, Number.POSITIVE_INFINITY);
    down.on('close', () => this.#links.delete(link));
    if (this.#frozen) this.freeze();
  }

  #forward(from: Socket, to: Socket, rate: number): void {
    const goOn = () => {
      if (!this.#frozen) from.resume();
    };
    from.on('data', (data) => {
      const flowing = to.write(data);
      if (flowing && rate === Number.POSITIVE_INFINITY) return;
      from.pause();
      if (rate === Number.POSITIVE_INFINITY) to.once('drain', goOn);
      else setTimeout(goOn, (1000 * data.length) / rate);
    });
    from.on('error', () => {});
    from.on('close', () => {
      if (!this.#frozen) to.destroy();
    });
  }
}
