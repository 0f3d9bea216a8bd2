import { type DestinationStream, type Logger, pino } from 'pino';
import pretty from 'pino-pretty';

/** Bytes of lines that may wait for a reader of the log; beyond them lines are dropped, and later it is said how many. */
const MAX_WAITING = 4 * 1024 * 1024;
/** How long the lines that still wait are tried for when the process ends, milliseconds. */
const LAST_WORDS = 500;

/**
 * What a token looks like, or stands behind: a JWT, that of a share, whatever a URL gives as one. Anything may stand before
 * it: a line feed is `\n` by now.
 */
const TOKEN = /eyJ[\w-]{8,}(\.[\w-]*)*|share_[\w-]{16,}|(?<=\baccess_token=)[^&\s"\\]+/g;

/**
 * The log, on standard error: lines of JSON, or readable ones on a terminal. Standard output is for what the start says.
 * No token is logged at all, and no position at `info` or above. Nothing of ours logs a token; but errors of libraries may
 * quote a URL, so whatever looks like one is taken out of every line.
 */
export function createLog(level: string, destination: DestinationStream = standardError()): Logger {
  return pino(
    {
      level,
      hooks: { streamWrite: (line) => line.replace(TOKEN, '[token]') },
      serializers: {
        // The query may hold a token.
        req: ({ method, url }: { method: string; url: string }) => ({ method, path: url.split('?', 1)[0] }),
      },
    },
    destination,
  );
}

function standardError(): DestinationStream {
  // To ask it also has a pipe answer EAGAIN when it is full: otherwise a write would wait in Node's thread pool.
  if (process.stderr.isTTY) {
    return pretty({ destination: 2, sync: true, ignore: 'pid,hostname', translateTime: 'HH:MM:ss' });
  }
  // In the background: whoever reads the log slowly, or not at all, is not to stop the server.
  let giveUpAt = Number.POSITIVE_INFINITY;
  const stream = pino.destination({
    fd: 2,
    sync: false,
    maxLength: MAX_WAITING,
    retryEAGAIN: () => performance.now() < giveUpAt,
  });
  let dropped = 0;
  stream.on('drop', () => dropped++);
  stream.on('drain', () => {
    if (dropped === 0) return;
    const time = Date.now();
    stream.write(`${JSON.stringify({ level: 40, time, pid: process.pid, dropped, msg: 'log lines were dropped' })}\n`);
    dropped = 0;
  });
  process.prependListener('exit', () => {
    giveUpAt = performance.now() + LAST_WORDS;
    try {
      stream.flushSync();
    } catch {
      // Nobody reads it.
    }
    // Pino, which comes next, would try for ever.
    stream.destroy();
  });
  return stream;
}
