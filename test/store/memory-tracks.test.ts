import { MemoryTracks } from '../../src/store/memory-tracks.ts';
import { type KeptFix, tracksContract } from './tracks-contract.ts';

tracksContract('memory', async () => {
  let kept: readonly KeptFix[] = [];
  return {
    tracks: new MemoryTracks({ fixesOf: (fleet) => kept.filter((fix) => fix.fleet === fleet) }),
    keep: async (fixes) => {
      kept = fixes;
    },
    close: async () => {},
  };
});
