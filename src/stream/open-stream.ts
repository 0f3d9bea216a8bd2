import { parseRedisUrl } from '../bus/redis-url.ts';
import type { Config } from '../config.ts';
import { FixStream } from './fix-stream.ts';
import { RedisLog } from './redis-log.ts';
import { wordsFor } from './words-for.ts';

/** Where an operator hears how the stream does. */
interface OperatorLog {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** The stream that the settings ask for, if they do. It connects when there is something to tell. */
export function openStream(
  { redisUrl, redisStream: key, redisStreamMaxlen: maxLength }: Config,
  log: OperatorLog,
): FixStream | undefined {
  if (redisUrl === undefined || key === undefined) return undefined;
  return new FixStream({
    log: new RedisLog({ target: parseRedisUrl(redisUrl), key, maxLength }),
    onTrouble: ({ message }) =>
      log.error(
        `the stream ${key} does not take what is stored, which is acknowledged all the same and waits: ${message}`,
      ),
    onDropping: () => log.error(`so much waits for the stream ${key} that the oldest are dropped`),
    onReturn: (missing) => {
      if (missing === undefined) log.info(`the stream ${key} has all that waited`);
      else log.warn(`the stream ${key} has what waited, but for ${wordsFor(missing)}`);
    },
  });
}
