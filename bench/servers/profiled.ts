// The server as `npm start` runs it, which profiles itself from one SIGUSR2 to the next, and then writes to PROFILE.
import { rename } from 'node:fs/promises';
import { Profiler } from './profiler.ts';

const file = process.env.PROFILE ?? 'server.cpuprofile';
const profiler = new Profiler();
let isOn = false;

process.on('SIGUSR2', async () => {
  isOn = !isOn;
  if (isOn) return profiler.start();
  await profiler.write(`${file}.part`);
  // Whoever waits for it finds it whole.
  await rename(`${file}.part`, file);
});

await import('../../src/main.ts');
