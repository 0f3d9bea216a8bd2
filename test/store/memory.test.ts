import { MemoryStore } from '../../src/store/memory.ts';
import type { Store, StoredPosition } from '../../src/store/store.ts';
import { STALE_AFTER, storeContract } from './contract.ts';

storeContract('memory', async () => {
  // A new one each time that it is emptied: the suite asks for `store` after `clear`.
  let store: Store = new MemoryStore(STALE_AFTER);
  return {
    get store() {
      return store;
    },
    clear: async () => {
      store = new MemoryStore(STALE_AFTER);
    },
    truth: async () => {
      const rows: StoredPosition[] = [];
      for await (const batch of store.loadPositions(0)) rows.push(...batch);
      return rows;
    },
    close: () => store.close(),
    rejects: false,
  };
});
