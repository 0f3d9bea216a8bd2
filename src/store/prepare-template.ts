import { existsSync } from 'node:fs';
import { initPglite } from './pglite.ts';
import { makeDirAtomically, templateDir } from './template.ts';

/*
 * Run after npm's install: makes a database directory once, so that the first start need only copy it. What goes wrong
 * here is no reason to fail an install, since the first start can do without.
 */
try {
  const dir = templateDir();
  if (existsSync(dir)) {
    console.log('Nearcast: the embedded database is prepared already.');
  } else {
    console.log('Nearcast: preparing the embedded database, once (about 15 s) …');
    const start = performance.now();
    await makeDirAtomically(dir, initPglite);
    console.log(`Nearcast: prepared in ${((performance.now() - start) / 1000).toFixed(0)} s: ${dir}`);
  }
} catch (error) {
  const reason = error instanceof Error ? error.message : String(error);
  console.log(`Nearcast: could not prepare the embedded database (${reason}); the first start will do it instead.`);
}
// A WebAssembly runtime that failed half-way may keep the process alive.
process.exit(0);
