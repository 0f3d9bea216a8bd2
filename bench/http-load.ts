import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Samples } from './samples.ts';

/** A request as it goes over the wire, and what must come back. */
export interface HttpRequest {
  readonly bytes: Buffer;
  /** Says what is wrong with an answer of status 200, by its length alone; it is asked for each. */
  readonly right: (contentLength: number) => boolean;
  /** Says what is wrong with the body; it is asked for some. */
  readonly fault?: (body: string) => string | undefined;
}

/** What a round brought. */
export interface HttpRound {
  readonly perSecond: number;
  /** Answers, those after the end included. */
  readonly answers: number;
  /** What was wrong, if anything. */
  readonly faults: readonly string[];
}

const END_OF_HEAD = '\r\n\r\n';
/** One body in so many is looked at. */
const LOOK_EVERY = 997;

/**
 * Sends requests one after the other over each of some connections for a while. Each connection waits for its answer
 * before it sends again.
 *
 * This is no HTTP client: it writes bytes made ahead and looks for status, length and end of each answer. On a machine of
 * two cores a real one (autocannon, undici) takes more of its core than the server of its own, and would be what is measured.
 */
export async function load(
  port: number,
  requests: readonly HttpRequest[],
  { connections, seconds }: { readonly connections: number; readonly seconds: number },
  latencies?: Samples,
): Promise<HttpRound> {
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(port)));
  const faults: string[] = [];
  let next = 0;
  let answers = 0;
  let counted = 0;
  const startedAt = performance.now();
  const endsAt = startedAt + seconds * 1000;
  let lastAt = startedAt;

  const drive = (socket: Socket) =>
    new Promise<void>((resolve) => {
      let request = requests[0];
      let sentAt = 0;
      /** Pieces of an answer that came in more than one, and the bytes still to come. */
      let pieces: Buffer[] = [];
      let missing = -1;

      const send = () => {
        request = requests[next];
        next = next + 1 === requests.length ? 0 : next + 1;
        sentAt = performance.now();
        socket.write(request.bytes);
      };
      let done = false;
      const fail = (fault: string) => {
        if (!done) faults.push(fault);
        done = true;
        socket.destroy();
        resolve();
      };
      const finish = (answer: () => Buffer) => {
        const now = performance.now();
        answers++;
        if (now < endsAt) {
          counted++;
          lastAt = now;
          latencies?.add(now - sentAt);
        }
        if (request.fault !== undefined && answers % LOOK_EVERY === 0) {
          const whole = answer();
          const fault = request.fault(whole.toString('utf8', whole.indexOf(END_OF_HEAD) + END_OF_HEAD.length));
          if (fault !== undefined) return fail(fault);
        }
        if (now < endsAt && faults.length === 0) return send();
        done = true;
        socket.end();
        resolve();
      };
      socket.on('data', (piece) => {
        if (missing < 0) {
          const whole = pieces.length === 0 ? piece : Buffer.concat([...pieces, piece]);
          const end = whole.indexOf(END_OF_HEAD);
          if (end < 0) {
            pieces = [whole];
            return;
          }
          const head = whole.toString('latin1', 0, end);
          if (!head.startsWith('HTTP/1.1 200 ')) return fail(head.slice(0, head.indexOf('\r\n')));
          const length = contentLength(head);
          if (!request.right(length)) return fail(`an answer of ${length} bytes is not the right one`);
          missing = end + END_OF_HEAD.length + length - whole.length;
          pieces = [whole];
        } else {
          missing -= piece.length;
          pieces.push(piece);
        }
        if (missing > 0) return;
        if (missing < 0) return fail('more came than the answer');
        const all = pieces;
        pieces = [];
        missing = -1;
        finish(() => Buffer.concat(all));
      });
      socket.on('error', (error) => fail(error.message));
      socket.on('close', () => fail('the server closed a connection'));
      send();
    });
  await Promise.all(sockets.map(drive));
  return { perSecond: counted / ((lastAt - startedAt) / 1000), answers, faults: [...new Set(faults)] };
}

const LENGTH = 'content-length: ';

function contentLength(head: string): number {
  const at = head.indexOf(LENGTH);
  if (at < 0) return Number.NaN;
  return Number.parseInt(head.slice(at + LENGTH.length, at + LENGTH.length + 12), 10);
}

async function open(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  return socket;
}
