import { listSettings, type Setting } from './settings.ts';

/** Columns that a line may have. */
const WIDTH = 100;
const INDENT = '      ';

/** What `npm start -- --help` prints: how to start the server, every setting, exit codes. */
export function serverHelp(): string {
  return `Nearcast: who is near, now? Drivers send positions; ask who is near, or watch an area.

  npm start                    serves until SIGTERM or SIGINT
  npm start -- --check         looks whether it would start, and changes nothing
  npm start -- --help

--check validates the settings, then looks at what they point at: the database, Redis, DATA_DIR,
HOST and PORT, and JWKS_URL. It prints a line for each: ok, or what is wrong and what to do. Beside a running
server it finds the port and DATA_DIR in use, by that server.

Settings are environment variables; an empty one counts as absent. What stands here is the default.

${listSettings().map(describeSetting).join('\n')}

Exit codes:

  0    stopped by a signal, with all that was acknowledged stored; --check: all is well
  1    could not start, or not stop in time, or was signalled twice; --check: something is wrong
  64   a wrong argument
  78   wrong settings; every one is listed

Examples:

  npm start
  PORT=0 LOG_LEVEL=debug npm start
  node --env-file=.env src/main.ts --check
  DATABASE_URL=postgres://nearcast@db.example.com/nearcast HOST=0.0.0.0 npm start`;
}

function describeSetting({ name, unit, values, fallback, description }: Setting): string {
  const rule = [unit, values].filter((part) => part !== undefined).join(', ');
  return `  ${name}${fallback === undefined ? '' : `=${fallback}`}${rule === '' ? '' : `   (${rule})`}\n${wrap(description)}`;
}

function wrap(text: string): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines[lines.length - 1];
    if (INDENT.length + line.length + 1 + word.length > WIDTH) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines.map((line) => INDENT + line).join('\n');
}
