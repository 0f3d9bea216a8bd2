import { MemoryStore } from '../../src/store/memory.ts';
import { MemoryPositions } from '../../src/store/memory-positions.ts';
import { coldContract } from './cold-contract.ts';

coldContract('memory', async () => {
  let store = new MemoryStore();
  return {
    get store() {
      return store;
    },
    get positions() {
      return new MemoryPositions(store);
    },
    clear: async () => {
      store = new MemoryStore();
    },
    close: () => store.close(),
  };
});
