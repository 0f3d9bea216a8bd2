import { writeFileSync } from 'node:fs';
import { contract } from './contract.ts';

writeFileSync(new URL('../openapi.yaml', import.meta.url), await contract());
