import { loadavg } from 'node:os';
import type { Browser, Page } from 'playwright-core';
import { median } from '../../bench/rounds.ts';
import { machine } from '../../bench/table.ts';
import type { RunningDemo } from './running-demo.ts';

/** How often each is measured. */
const ROUNDS = 5;

/** What a visit came to. */
interface Visit {
  /** Milliseconds from the beginning of the visit until a driver was drawn. */
  readonly marker: number;
  /** Files and bytes that came, as sent, and unpacked. */
  readonly files: number;
  readonly sent: number;
  readonly unpacked: number;
}

// Scripts of pages run in the browser: what they use is there, not here.
declare const WebGL2RenderingContext: { prototype: Record<string, (...given: number[]) => void> };

/** How heavy the dashboard is, and how soon it shows who is where: as told at the end. */
export async function measure(browser: Browser, { url, tokens }: RunningDemo): Promise<string> {
  const cold: Visit[] = [];
  const warm: Visit[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
    for (const visits of [cold, warm]) {
      const page = await context.newPage();
      await page.addInitScript(noteFirstMarker);
      await page.goto(`${url}/#token=${tokens['']}&at=40.7549,-73.984,13.5`);
      visits.push(await visit(page));
      await page.close();
    }
    await context.close();
  }
  const seconds = (visits: readonly Visit[]) => (median(visits.map(({ marker }) => marker)) / 1000).toFixed(2);
  const [{ files, sent, unpacked }] = cold;
  return [
    `${machine()}, Chromium ${browser.version()}, load average ${loadavg()[0].toFixed(1)}`,
    `${files} files, ${kilobytes(sent)} as sent, ${kilobytes(unpacked)} unpacked`,
    `first driver drawn after ${seconds(cold)} s, ${seconds(warm)} s when visited before (medians of ${ROUNDS})`,
  ].join('\n');
}

/** Run in the page before its own scripts: drivers alone are drawn from a texture of whole numbers. */
function noteFirstMarker(): void {
  const RGBA_INTEGER = 0x8d99;
  const { prototype } = WebGL2RenderingContext;
  const { texSubImage2D, drawArrays } = prototype;
  let isThere = false;
  prototype.texSubImage2D = function (...given) {
    isThere ||= given[6] === RGBA_INTEGER;
    texSubImage2D.apply(this, given);
  };
  prototype.drawArrays = function (...given) {
    if (isThere && performance.getEntriesByName('first marker').length === 0) performance.mark('first marker');
    drawArrays.apply(this, given);
  };
}

async function visit(page: Page): Promise<Visit> {
  await page.waitForFunction(() => performance.getEntriesByName('first marker').length > 0, undefined, {
    timeout: 120_000,
  });
  // The outlines of the bundled background come last.
  await page.waitForLoadState('networkidle');
  return page.evaluate(() => {
    const loaded = performance.getEntries() as unknown as {
      name: string;
      encodedBodySize: number;
      decodedBodySize: number;
    }[];
    const own = loaded.filter(({ name }) => name.includes('/assets/') || /\/(#.*)?$/.test(name));
    return {
      marker: performance.getEntriesByName('first marker')[0].startTime,
      files: own.length,
      sent: own.reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0),
      unpacked: own.reduce((sum, { decodedBodySize }) => sum + decodedBodySize, 0),
    };
  });
}

function kilobytes(bytes: number): string {
  return `${Math.round(bytes / 1000)} kB`;
}
