import { openStore } from '../../src/store/open.ts';
import { positions, row, T0 } from './rows.ts';

/*
 * A process for the tests to kill: node parent.ts <data directory>. It writes without end and says on stdout, after
 * each batch, the number of the last that is committed.
 */
const { store } = await openStore({ dataDir: process.argv[2], onProgress: () => {} });
for (let n = 1; ; n++) {
  await store.write(positions(Array.from({ length: 20 }, (_, index) => row(`${n}-${index}`, { timestamp: T0 + n }))));
  process.stdout.write(`${n}\n`);
}
