import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { developmentSecret } from '../auth/secret.ts';
import { mintToken } from '../auth/tokens.ts';
import { readArguments, runCommand, UsageError } from '../command-line.ts';
import { loadConfig } from '../config.ts';
import { emptyTally, type Playback, play, type Tally } from './play.ts';
import { Rate } from './rate.ts';
import { addsUp, reportReplay } from './report.ts';
import { StatusLine } from './status-line.ts';

const HELP = `Plays a recorded trace through Nearcast's WebSocket API.

  npm run replay -- FILE.ndjson [options]

FILE holds one JSON object a line: {"id","t" (epoch ms),"lat","lon","speed"?,…}.
speed, heading, accuracy and altitude become fields of the fix, all else becomes
attributes. The original spacing is kept, divided by --speed, and timestamps are
moved to the present likewise. A line older than one before it is sent at once.

  --speed N         trace seconds per second (60)
  --url URL         the WebSocket (ws://127.0.0.1:8080/ws)
  --token T         a token with the scope positions:write:any. Absent: one is made
                    with JWT_SECRET, or with the key in DATA_DIR (./data) that a
                    server in development keeps there; for 'npm run demo' that is
                    DATA_DIR=./data/demo
  --connections N   drivers are split over so many connections (1)
  --keep-time       send the original timestamps
  --help

Ends with a table of verdicts. Exit code: 0 when every line has one, 1 when not,
64 for a wrong argument, 78 for a wrong setting, 130 when interrupted.`;

/** Lines whose problem is shown; the others are only counted. */
const SHOWN = 5;
/** Seconds that the server may be away before the replay gives up. */
const PATIENCE = 120;
const DAY = 86_400;

async function replay(argv: readonly string[]): Promise<number> {
  const { values, flags, positionals, number } = readArguments(argv, {
    values: ['speed', 'url', 'token', 'connections'],
    flags: ['keep-time'],
    positionals: 1,
  });
  const [file] = positionals;
  if (file === undefined) throw new UsageError('Which file?');
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) throw new UsageError(`There is no file '${file}'`);
  if (found.isDirectory()) throw new UsageError(`'${file}' is a directory`);
  const { size } = found;
  const url = values.url ?? 'ws://127.0.0.1:8080/ws';
  if (!/^wss?:$/.test(URL.parse(url)?.protocol ?? '')) {
    throw new UsageError(`--url must be an address such as ws://127.0.0.1:8080/ws, not '${url}'`);
  }
  const stop = new AbortController();
  const tally = emptyTally();
  const playback: Playback = {
    file,
    url,
    token: tokenSource(values.token),
    speed: number('speed', 60, { min: 0.001, max: 1e9 }),
    connections: number('connections', 1, { min: 1, max: 1000, whole: true }),
    keepTime: flags.has('keep-time'),
    patience: PATIENCE * 1000,
    signal: stop.signal,
  };
  const status = new StatusLine(progress(tally, size), 5);
  const interrupt = () => stop.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    await play(playback, tally, {
      unreadable: (line, problem) => {
        if (tally.unreadable <= SHOWN) status.above(`line ${line} is unreadable: ${problem}`);
      },
      lost: (reason) => status.above(`no connection (${reason}), trying again`),
    });
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    status.stop();
  }
  if (tally.failure !== undefined) console.error(explain(tally.failure, url));
  if (tally.lines > 0) console.log(reportReplay(tally));
  else if (tally.failure === undefined) console.log(`'${file}' has no lines.`);
  if (stop.signal.aborted) return 130;
  return tally.failure === undefined && addsUp(tally) ? 0 : 1;
}

function tokenSource(given: string | undefined): () => string {
  if (given !== undefined) return () => given;
  const config = loadConfig();
  const secret =
    config.jwtSecret ??
    (existsSync(join(config.dataDir, 'jwt-secret')) ? developmentSecret(config.dataDir) : undefined);
  if (secret === undefined) {
    throw new UsageError(
      `There is no key to make a token with: give --token, or set JWT_SECRET or DATA_DIR as the server has them ` +
        `(${config.dataDir} holds no key)`,
    );
  }
  return () => mintToken(secret, { sub: 'replay', scope: 'positions:write:any', ttlSeconds: DAY });
}

function progress(tally: Tally, size: number): () => string {
  const rate = new Rate(performance.now());
  return () => {
    const sent = tally.lines - tally.unreadable;
    return [
      `${((tally.bytes / size) * 100).toFixed(1)} %`,
      `${Math.round(rate.update(sent, performance.now())).toLocaleString('en-US')} fixes/s`,
      tally.clock === undefined ? 'connecting' : new Date(tally.clock).toISOString().replace('.000Z', 'Z'),
      ...(tally.unanswered > 0 ? [`${tally.unanswered} awaiting a verdict`] : []),
    ].join(' · ');
  };
}

function explain(failure: string, url: string): string {
  if (/\b(4401|4403|401|403)\b/.test(failure)) {
    return `${url} did not accept the token (${failure}): give --token, or set JWT_SECRET or DATA_DIR as the server has them`;
  }
  return failure === 'stopped' ? 'Interrupted.' : `${url}: ${failure}`;
}

if (import.meta.main) await runCommand(HELP, process.argv.slice(2), replay);
