import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { VERSION } from './version.ts';

// The client as a package of its own, beside what `npm run build:client` has compiled: it pulls in nothing of the server.

const ROOT = new URL('../', import.meta.url);
const PACKAGE = new URL('dist/client/', ROOT);
const { license } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8'));

const manifest = {
  name: '@nearcast/client',
  version: VERSION,
  description: 'The client of Nearcast for browsers and Node: who is near, live areas, fixes that are not lost.',
  license,
  type: 'module',
  sideEffects: false,
  exports: { '.': { types: './index.d.ts', default: './index.js' } },
  // The first with a WebSocket of its own.
  engines: { node: '>=22' },
};
writeFileSync(new URL('package.json', PACKAGE), `${JSON.stringify(manifest, null, 2)}\n`);
copyFileSync(new URL('LICENSE', ROOT), new URL('LICENSE', PACKAGE));

const guide = readFileSync(new URL('docs/client.md', ROOT), 'utf8');
// Pages of this repository are not in the package.
const isElsewhere = /\[([^\]]+)\]\((?!https?:)[^)]*\)/g;
writeFileSync(new URL('README.md', PACKAGE), guide.replace(isElsewhere, '$1'));
