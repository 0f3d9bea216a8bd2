import { MemoryStore } from '../../src/store/memory.ts';
import type { StoredFix } from '../../src/store/store.ts';
import { RETENTION_DAYS, STALE_AFTER, storeContract } from './contract.ts';
import { T0 } from './rows.ts';

storeContract('memory', async () => {
  // New ones each time that it is emptied: the suite asks for them after `clear`.
  let store: MemoryStore;
  let keeping: MemoryStore;
  const day = 86_400_000;
  const clear = async () => {
    store = new MemoryStore(STALE_AFTER);
    keeping = new MemoryStore(STALE_AFTER, T0 - (T0 % day) - RETENTION_DAYS * day);
  };
  await clear();
  return {
    get store() {
      return store;
    },
    get keeping() {
      return keeping;
    },
    clear,
    truth: async () => {
      const rows: StoredFix[] = [];
      for (const one of [store, keeping]) for await (const batch of one.loadPositions(0)) rows.push(...batch);
      return rows;
    },
    fixes: async () => ['default', 'other'].flatMap((fleet) => keeping.fixesOf(fleet)),
    close: () => store.close(),
    rejects: false,
  };
});
