import { writeFileSync } from 'node:fs';
import { asyncApi } from './asyncapi/document.ts';
import { loadConfig } from './config.ts';
import { contract } from './contract.ts';
import { VERSION } from './version.ts';

const write = (name: string, text: string) => writeFileSync(new URL(`../${name}`, import.meta.url), text);

write('openapi.yaml', await contract());
write('asyncapi.yaml', asyncApi(VERSION, loadConfig({}).maxRadiusMeters));
