import { MemoryAccess } from '../../src/store/memory-access.ts';
import { accessContract } from './access-contract.ts';

accessContract('memory', async () => {
  let access = new MemoryAccess();
  return {
    get access() {
      return access;
    },
    clear: async () => {
      access = new MemoryAccess();
    },
    close: async () => {},
  };
});
