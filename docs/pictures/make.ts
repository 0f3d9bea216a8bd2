import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { endingAll, stopped } from '../../bench/interrupt.ts';
import { readArguments, runCommand, UsageError } from '../../src/command-line.ts';
import { findChromium, startMapChromium } from '../../test/support/browser.ts';
import { measure } from './figures.ts';
import { startDemo } from './running-demo.ts';
import { SCENES } from './scenes.ts';

const FILES = SCENES.flatMap(({ files }) => files);

const HELP = `Takes the pictures of the documentation anew, all of them of a demo that runs.

  npm run pictures [-- options]

  --only FILE,…   these alone: ${FILES.slice(0, 3).join(', ')},
                  ${FILES.slice(3, 7).join(', ')},
                  ${FILES.slice(7, 11).join(', ')},
                  ${FILES.slice(11).join(', ')}
  --out DIR       where they are written (docs/pictures)
  --drivers N     drivers of the demo (300)
  --figures       no pictures, but how heavy the dashboard is and how soon it shows a driver
  --help

It builds the pages, starts a demo with a port and data of its own, opens it in Chromium, and takes
some minutes. Look at each picture before it is committed.
Exit code: 0, or 1 when one cannot be taken or is too large.`;

/** Seconds that the demo runs before the first picture: all are connected, some have gone silent. */
const WARM_UP = 20;
/** Bytes of a file at the most: whoever reads the README waits for it. */
const MAX = { png: 350_000, gif: 2_000_000 };

async function make(argv: readonly string[]): Promise<number> {
  const { values, flags, number } = readArguments(argv, { values: ['only', 'out', 'drivers'], flags: ['figures'] });
  const drivers = number('drivers', 300, { min: 50, max: 5000, whole: true });
  const only = values.only?.split(',') ?? FILES;
  const unknown = only.find((file) => !FILES.includes(file));
  if (unknown !== undefined) throw new UsageError(`--only knows ${FILES.join(', ')}, not '${unknown}'`);
  const out = values.out ?? import.meta.dirname;
  const executablePath = findChromium();
  if (executablePath === undefined) {
    console.error('No Chromium is on this machine: on Debian, apt install chromium.');
    return 1;
  }
  const taken = endingAll(async (atEnd) => {
    await mkdir(out, { recursive: true });
    const demo = await startDemo(drivers, atEnd);
    const browser = await startMapChromium(executablePath, OURS);
    atEnd.push(() => browser.close());
    await new Promise((resolve) => setTimeout(resolve, WARM_UP * 1000));
    if (flags.has('figures')) {
      console.log(await measure(browser, demo));
      return 0;
    }
    let failures = 0;
    for (const { files, take } of SCENES.filter(({ files }) => files.some((file) => only.includes(file)))) {
      try {
        const contents = await take({ browser, demo });
        for (const [n, file] of files.entries()) {
          await writeFile(join(out, file), contents[n]);
          const isLarge = contents[n].length > MAX[file.endsWith('.gif') ? 'gif' : 'png'];
          if (isLarge) failures++;
          console.log(`${file}  ${Math.round(contents[n].length / 1000)} kB${isLarge ? ': too large' : ''}`);
        }
      } catch (error) {
        if (stopped()) break;
        failures++;
        console.error(`${files}: ${(error as Error).message}`);
      }
      for (const context of browser.contexts()) await context.close();
    }
    return failures === 0 ? 0 : 1;
  });
  return taken.catch((error: Error) => {
    console.error(error.message);
    return 1;
  });
}

/** Whoever interrupts ends the demo too, in order: Playwright would end the process. */
const OURS = { handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false };

if (import.meta.main) await runCommand(HELP, process.argv.slice(2), make);
