import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** What a message of a sharded channel begins with, in RESP2 and RESP3 alike. */
const HEARD = /\$8\r\nsmessage\r\n\$\d+\r\n([^\r]*)\r\n/g;
/** Characters; such a beginning is shorter. */
const LONGEST = 400;

/** A way to Redis on which the messages that Redis sends are counted, apart from all that instances say of themselves. */
export class Tap {
  readonly port: number;
  /** Messages by channel. */
  readonly heard = new Map<string, number>();
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  static async to(port: number): Promise<Tap> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Tap(server, port);
  }

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (down) => this.#join(down, connect(port, '127.0.0.1')));
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(down: Socket, up: Socket): void {
    for (const [socket, other] of [
      [down, up],
      [up, down],
    ]) {
      this.#sockets.add(socket);
      socket.setNoDelay();
      socket.pipe(other);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    let tail = '';
    up.on('data', (chunk: Buffer) => {
      const text = tail + chunk.toString('latin1');
      let end = 0;
      for (const match of text.matchAll(HEARD)) {
        this.heard.set(match[1], (this.heard.get(match[1]) ?? 0) + 1);
        end = match.index + match[0].length;
      }
      tail = text.slice(Math.max(end, text.length - LONGEST));
    });
  }
}
