import { type DestinationStream, type Logger, pino } from 'pino';
import pretty from 'pino-pretty';

/**
 * The log, on standard error: lines of JSON, or readable ones on a terminal. Standard output is for what the start says.
 * No token and no position is logged at `info` or above.
 */
export function createLog(level: string): Logger {
  const destination: DestinationStream = process.stderr.isTTY
    ? pretty({ destination: 2, sync: true, ignore: 'pid,hostname', translateTime: 'HH:MM:ss' })
    : pino.destination({ fd: 2, sync: true });
  return pino(
    {
      level,
      serializers: {
        // The query may hold a token.
        req: ({ method, url }: { method: string; url: string }) => ({ method, path: url.split('?', 1)[0] }),
      },
    },
    destination,
  );
}
