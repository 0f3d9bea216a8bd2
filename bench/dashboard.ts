import { loadavg } from 'node:os';
import type { Browser, CDPSession, Page } from 'playwright-core';
import { readArguments, UsageError } from '../src/command-line.ts';
import { findChromium, startMapChromium } from '../test/support/browser.ts';
import { columns } from './columns.ts';
import { serveStage } from './dashboard/stage.ts';
import { endingAll } from './interrupt.ts';
import { median, medianRatio } from './rounds.ts';
import { count, machine } from './table.ts';

export const HELP = `The map of the dashboard in a browser of no window, 1440 × 900, as it repaints without end: frames a second
with drivers who all move each second, against the same map with none.

  npm run bench -- dashboard [options]

  --quick          2 rounds of 2 s
  --drivers N,…    how many drivers (1000,5000,20000)
  --rounds N       turns that they take (5)
  --seconds S      each of them in each round (3)
  --uncapped       as many frames as can be drawn, instead of at most 60 a second as on a screen
  --pixel-ratio R  device pixels of a CSS pixel (1)
  --help

Needs Chromium. WebGL is drawn by the processor (SwiftShader), as there is no graphics card in a server: on an ordinary
laptop's card drawing costs less, and the main thread, which is the page's own share, about the same.
Exit code: 0, or 1 when it could not be measured.`;

const SIZE = { width: 1440, height: 900 };
/** Milliseconds for a new number of drivers to be on their way. */
const SETTLING = 1000;
/** The moves of which the cost of one is measured. */
const MOVES = 200_000;

// Scripts of pages run in the browser: what they use is there, not here.
// biome-ignore lint/suspicious/noExplicitAny: the page's own, of types that Node does not have
declare const window: any;
// biome-ignore lint/suspicious/noExplicitAny: the same
declare const stage: any;

/** What one number of drivers came to, round by round. */
interface Line {
  readonly drivers: number;
  /** Frames a second. */
  readonly rates: number[];
  /** Milliseconds of processor time for each frame: of the main thread, of it in scripts, and of what draws WebGL. */
  readonly busy: number[];
  readonly scripts: number[];
  readonly drawing: number[];
}

/** Runs the bench. */
export async function run(argv: readonly string[]): Promise<number> {
  const options = readOptions(argv);
  const chromium = findChromium();
  if (chromium === undefined) {
    console.error('There is no Chromium on this machine.');
    return 1;
  }
  const load = loadavg()[0].toFixed(1);
  try {
    return await endingAll(async (atEnd) => {
      console.error('building the page …');
      const server = await serveStage();
      atEnd.push(() => server.close());
      const args = options.uncapped ? ['--disable-gpu-vsync', '--disable-frame-rate-limit'] : [];
      const browser = await startMapChromium(chromium, { args });
      atEnd.push(() => browser.close());
      const page = await browser.newPage({ viewport: SIZE, deviceScaleFactor: options.pixelRatio });
      const lines = await measure(page, server.url, options);
      const put = await page.evaluate((moves) => stage.timePuts(5000, moves), MOVES);
      console.log(report(lines, put, `Dashboard: ${machine()}, Chromium ${browser.version()}`, options, load));
      return 0;
    });
  } catch (error) {
    console.error((error as Error).message);
    return 1;
  }
}

async function measure(page: Page, url: string, { drivers, rounds, seconds }: Options): Promise<Line[]> {
  await page.goto(url);
  await page.waitForFunction(() => window.Stage !== undefined);
  await page.evaluate(async () => {
    window.stage = new window.Stage([-73.984, 40.7549], 13, 'light');
    await new Promise((resolve) => stage.map.once('load', resolve));
  });
  const session = await page.context().newCDPSession(page);
  // Processor time, not that of the clock: neighbours on the machine do not count.
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  const processes = await (page.context().browser() as Browser).newBrowserCDPSession();
  const lines = [0, ...drivers].map((n): Line => ({ drivers: n, rates: [], busy: [], scripts: [], drawing: [] }));
  for (let round = 0; round <= rounds; round++) {
    console.error(round === 0 ? 'warming up …' : `round ${round} of ${rounds} …`);
    for (const line of lines) {
      await page.evaluate(
        async ([n, settling]) => {
          stage.drive(n);
          await stage.countFrames(settling);
        },
        [line.drivers, SETTLING],
      );
      if (round === 0) continue;
      const before = await spent(session, processes);
      const { frames, seconds: took } = await page.evaluate((ms) => stage.countFrames(ms), seconds * 1000);
      const after = await spent(session, processes);
      line.rates.push(frames / took);
      line.busy.push((after.tasks - before.tasks) / frames);
      line.scripts.push((after.scripts - before.scripts) / frames);
      line.drawing.push((after.drawing - before.drawing) / frames);
    }
  }
  await page.evaluate(() => stage.drive(0));
  return lines;
}

/** Milliseconds of processor time so far: of the page's main thread, of it in scripts, and of the process that draws. */
async function spent(session: CDPSession, processes: CDPSession) {
  const { metrics } = await session.send('Performance.getMetrics');
  const { processInfo } = await processes.send('SystemInfo.getProcessInfo');
  const of = (wanted: string) => (metrics.find(({ name }) => name === wanted)?.value ?? Number.NaN) * 1000;
  const drawing = (processInfo.find(({ type }) => type === 'GPU')?.cpuTime ?? Number.NaN) * 1000;
  return { tasks: of('TaskDuration'), scripts: of('ScriptDuration'), drawing };
}

function report(lines: readonly Line[], put: number, title: string, options: Options, load: string): string {
  const { rounds, seconds, uncapped, pixelRatio } = options;
  const [empty] = lines;
  const rows = lines.map(({ drivers, rates, busy, scripts, drawing }) => [
    drivers === 0 ? 'empty map' : `${count(drivers)} drivers`,
    median(rates).toFixed(1),
    drivers === 0 ? '' : `${(medianRatio(rates, empty.rates) * 100).toFixed(0)} %`,
    `${median(busy).toFixed(2)} ms`,
    `${median(scripts).toFixed(2)} ms`,
    `${median(drawing).toFixed(1)} ms`,
  ]);
  return [
    title,
    `${SIZE.width} × ${SIZE.height} at pixel ratio ${pixelRatio} · ${seconds} s each in ${rounds} rounds, by turns, medians · ` +
      `${uncapped ? 'as many frames as can be drawn' : 'at most 60 frames/s'} · load average before: ${load}`,
    '',
    columns([['', 'frames/s', 'of empty', 'main thread', 'scripts', 'drawing']], rows, 1),
    '',
    'All drivers are in view, each is put once a second at a place some 12 m on, evenly over the second, and glides there;',
    'every frame is drawn anew. of empty: median of the rounds’ ratios. Milliseconds are of processor time for each frame:',
    'main thread: of the page, with all that it did meanwhile, moving the drivers included (DevTools’ TaskDuration by',
    'thread ticks); scripts: of these in JavaScript; drawing: of the process that draws WebGL, here on the processor',
    '(SwiftShader), all its threads together.',
    `A move of one of 5,000 drivers takes ${put.toFixed(2)} µs of the main thread: ${count(1e6 / put)} moves/s.`,
  ].join('\n');
}

type Options = ReturnType<typeof readOptions>;

function readOptions(argv: readonly string[]) {
  const { values, flags, number } = readArguments(argv, {
    values: ['drivers', 'rounds', 'seconds', 'pixel-ratio'],
    flags: ['quick', 'uncapped'],
  });
  const quick = flags.has('quick');
  const drivers = (values.drivers ?? '1000,5000,20000').split(',').map(Number);
  if (!drivers.every((n) => Number.isInteger(n) && n >= 1 && n <= 200_000)) {
    throw new UsageError('--drivers must be whole numbers from 1 to 200000, such as 1000,5000');
  }
  return {
    drivers,
    rounds: number('rounds', quick ? 2 : 5, { min: 1, max: 99, whole: true }),
    seconds: number('seconds', quick ? 2 : 3, { min: 0.2, max: 60 }),
    uncapped: flags.has('uncapped'),
    pixelRatio: number('pixel-ratio', 1, { min: 0.5, max: 4 }),
  };
}
