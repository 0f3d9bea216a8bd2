import { runCommand } from '../src/command-line.ts';

/** A bench: prints a table, and resolves to an exit code. */
interface Bench {
  readonly about: string;
  readonly load: () => Promise<{ readonly HELP: string; run(argv: readonly string[]): Promise<number> }>;
}

const BENCHES: Readonly<Record<string, Bench>> = {
  load: {
    about: 'drivers and watchers on a real server: how long a fix takes to a watcher',
    load: () => import('./load.ts'),
  },
  core: {
    about: 'the index alone: queries and updates a second, against what one would take instead',
    load: () => import('./core.ts'),
  },
  rest: {
    about: 'nearby over HTTP, against a bare Fastify route that sends the same bytes',
    load: () => import('./rest.ts'),
  },
  ingest: {
    about: 'fixes over sockets until they are stored, against a bare ws server that acknowledges each',
    load: () => import('./ingest.ts'),
  },
  idle: {
    about: 'what an open connection holds of memory, against a bare ws server and @fastify/websocket',
    load: () => import('./idle.ts'),
  },
  recovery: {
    about: 'starting with a million drivers in the database, until the server is ready',
    load: () => import('./recovery.ts'),
  },
  fanout: {
    about: 'positions to whoever watches, against a bare ws broadcast and Socket.IO rooms',
    load: () => import('./fanout.ts'),
  },
  cluster: {
    about: 'the same load on one instance, and on several that share it over Redis',
    load: () => import('./cluster.ts'),
  },
  dashboard: {
    about: 'frames a second of the map with thousands of moving drivers, against an empty map',
    load: () => import('./dashboard.ts'),
  },
  outage: {
    about: 'what drivers, watchers and queries notice while the database is stopped or hangs',
    load: () => import('./outage.ts'),
  },
  soak: {
    about: 'steady load for half an hour: does memory, lag or anything else grow?',
    load: () => import('./soak.ts'),
  },
};

const HELP = `Measures Nearcast.

  npm run bench -- NAME [options]

${Object.entries(BENCHES)
  .map(([name, { about }]) => `  ${name.padEnd(10)} ${about}`)
  .join('\n')}

  NAME --help tells a bench's options.`;

const [name, ...argv] = process.argv.slice(2);
if (name === undefined || name === '--help' || name === '-h') {
  console.log(HELP);
  process.exitCode = name === undefined ? 64 : 0;
} else if (!Object.hasOwn(BENCHES, name)) {
  console.error(`There is no bench '${name}'.\n\n${HELP}`);
  process.exitCode = 64;
} else {
  const { HELP: help, run } = await BENCHES[name].load();
  await runCommand(help, argv, run);
}
