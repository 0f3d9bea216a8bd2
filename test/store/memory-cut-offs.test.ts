import { MemoryCutOffs } from '../../src/store/memory-cut-offs.ts';
import { cutOffsContract } from './cut-offs-contract.ts';

cutOffsContract(async () => new MemoryCutOffs(Date.now));
