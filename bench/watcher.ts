import { WebSocket } from 'ws';

/** A circle to watch: degrees and metres. */
export interface Circle {
  readonly lat: number;
  readonly lng: number;
  readonly radius: number;
}

/** A driver's position in a message, as far as a watcher of the bench reads it. */
interface WirePosition {
  readonly driverId: string;
  readonly timestamp: number;
}

interface Change {
  readonly type: string;
  readonly drivers?: readonly WirePosition[];
  readonly enter?: readonly WirePosition[];
  readonly move?: readonly WirePosition[];
  readonly exit?: readonly { readonly driverId: string }[];
  readonly code?: string;
  readonly message?: string;
}

/** A client that watches a circle and believes what it is told. */
export class Watcher {
  readonly circle: Circle;
  /** The drivers inside, and the timestamp of the latest position heard of each. */
  readonly inside = new Map<string, number>();
  readonly #socket: WebSocket;
  #closing = false;

  private constructor(socket: WebSocket, circle: Circle) {
    this.#socket = socket;
    this.circle = circle;
  }

  /**
   * Subscribes to a circle. Resolves with the snapshot.
   *
   * @param onMove told of each position that a change brings, as soon as its message is parsed
   * @param onError told of error messages, closes, and changes that do not fit what was told before
   */
  static open(
    url: string,
    token: string,
    circle: Circle,
    onMove: (position: WirePosition) => void,
    onError: (error: string) => void,
  ): Promise<Watcher> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(url, { headers: { authorization: `Bearer ${token}` }, perMessageDeflate: false });
      const watcher = new Watcher(socket, circle);
      socket.on('open', () => {
        const { lat: latitude, lng: longitude, radius } = circle;
        socket.send(JSON.stringify({ type: 'subscribe', subscription: 'w', latitude, longitude, radius }));
      });
      socket.on('message', (data) => {
        const message = JSON.parse(String(data)) as Change;
        if (message.type === 'snapshot') {
          watcher.inside.clear();
          for (const { driverId, timestamp } of message.drivers ?? []) watcher.inside.set(driverId, timestamp);
          resolve(watcher);
        } else if (message.type === 'changes') watcher.#change(message, onMove, onError);
        else if (message.type === 'error') onError(`watcher: ${message.code}: ${message.message}`);
      });
      socket.on('error', reject);
      socket.on('close', (code, reason) => {
        if (watcher.#closing) return;
        onError(`watcher closed: ${code} ${reason}`);
        reject(new Error(`a watcher was closed: ${code} ${reason}`));
      });
    });
  }

  close(): void {
    this.#closing = true;
    this.#socket.close();
  }

  #change(message: Change, onMove: (position: WirePosition) => void, onError: (error: string) => void): void {
    for (const position of message.enter ?? []) {
      if (this.inside.has(position.driverId)) onError(`enter of ${position.driverId}, who was inside`);
      this.inside.set(position.driverId, position.timestamp);
      onMove(position);
    }
    for (const position of message.move ?? []) {
      if (!this.inside.has(position.driverId)) onError(`move of ${position.driverId}, who was not inside`);
      this.inside.set(position.driverId, position.timestamp);
      onMove(position);
    }
    for (const { driverId } of message.exit ?? []) {
      if (!this.inside.delete(driverId)) onError(`exit of ${driverId}, who was not inside`);
    }
  }
}
