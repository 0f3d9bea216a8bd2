import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, vi } from 'vitest';
import { MemoryTracks } from '../../src/store/memory-tracks.ts';
import { place } from '../client/support.ts';
import { madeUpDay, sourceOf, Truth } from '../history/past.ts';
import { box } from '../support/areas.ts';
import type { Message } from '../support/belief.ts';
import { findChromium } from '../support/browser.ts';
import { seeded } from '../support/random.ts';
import { startServer, token } from '../support/server.ts';
import { describeWith } from '../support/services.ts';
import { slowTest } from '../support/slow.ts';

// Scripts of pages run in the browser: what they use is there, not here.
declare const document: Message;

describeWith('Chromium', findChromium(), 'replays on the dashboard', (executablePath) => {
  let browser: Browser;
  beforeAll(async () => {
    const args = ['--no-sandbox', '--no-first-run', '--enable-unsafe-swiftshader', '--use-angle=swiftshader'];
    browser = await chromium.launch({ executablePath, args });
  });
  afterAll(() => browser.close());

  /** The dashboard, with what a browser complains of, and the replays that were asked for. */
  async function open(port: number): Promise<{ page: Page; complaints: string[]; asked: URL[] }> {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    onTestFinished(() => page.close());
    const complaints: string[] = [];
    const asked: URL[] = [];
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('request', (request) => {
      if (request.url().includes('/v1/replay')) asked.push(new URL(request.url()));
    });
    await page.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }: Message) =>
        console.error(`violation of ${violatedDirective}: ${blockedURI}`),
      );
    });
    await page.goto(`http://127.0.0.1:${port}/#token=${token()}&at=40.75,-73.98,14`);
    return { page, complaints, asked };
  }

  slowTest('what is shown at a time is what was there then, wherever one looks; then it is live again', async () => {
    const now = Date.now();
    const options = { drivers: 40, from: now - 900_000, to: now, reach: 3_000 };
    const fixes = madeUpDay(seeded('a replay on the dashboard'), [40.75, -73.98], options);
    const truth = new Truth(fixes);
    const history = { tracks: new MemoryTracks({ fixesOf: () => [] }), replays: sourceOf(fixes) };
    const server = await startServer({ env: { MAP_STYLE_URL: 'none' }, history });
    place(server, 'present', 40.75, -73.98);
    const { page, complaints, asked } = await open(server.port);
    const button = (name: string) => page.getByRole('button', { name, exact: true });
    const listed = () => page.locator('.drivers .row-id').allTextContents();
    await vi.waitUntil(async () => (await listed()).join() === 'present', { timeout: 10_000 });

    /** Resolves when just those are listed who were there by the last question. */
    const untilTrue = async () => {
      let [time, inside, isTrue] = [0, [] as string[], false];
      while (!isTrue) {
        const { searchParams } = asked.at(-1) as URL;
        time = Number(searchParams.get('from'));
        const [west, south, east, north] = (searchParams.get('bbox') as string).split(',').map(Number);
        inside = [...truth.inside({ area: box(west, south, east, north) }, time).keys()].sort();
        // Those who went stale are listed behind the others.
        isTrue = (await listed()).sort().join() === inside.join();
        if (!isTrue) await page.waitForTimeout(100);
      }
      const format = { hour: '2-digit', minute: '2-digit', second: '2-digit' } as const;
      const clock = await page.evaluate(([at, how]) => new Date(at).toLocaleTimeString([], how), [
        time,
        format,
      ] as const);
      expect(await page.locator('.replay-clock .number').textContent()).toBe(clock);
      return { time, inside };
    };

    await button('Replay').click();
    await button('15 min').click();
    await button('300×').click();
    const slider = page.getByRole('slider', { name: 'Time' });
    await vi.waitUntil(async () => Number(await slider.inputValue()) > 200_000, { timeout: 10_000 });
    await button('Pause').click();
    const paused = await untilTrue();
    expect(paused.inside.length).toBeGreaterThan(3);

    // By the keys, a step each; many make one question.
    const before = asked.length;
    await slider.focus();
    for (let n = 0; n < 20; n++) await page.keyboard.press('ArrowRight');
    await vi.waitUntil(() => asked.length > before);
    const sought = await untilTrue();
    expect(sought.time).toBeGreaterThan(paused.time + 40_000);
    expect(asked.length - before).toBeLessThan(5);

    // Another view of the same time.
    await page.mouse.move(800, 600);
    await page.mouse.down();
    await page.mouse.move(600, 450, { steps: 5 });
    await page.mouse.up();
    const wasAsked = asked.length;
    await vi.waitUntil(() => asked.length > wasAsked, { timeout: 5_000 });
    const moved = await untilTrue();
    expect(moved.time).toBe(sought.time);
    expect(asked.at(-1)?.searchParams.get('bbox')).not.toBe(asked[before].searchParams.get('bbox'));

    await button('Play').click();
    await page.getByText('That was all.').waitFor();
    await button('Back to live').click();
    await page.getByText('Live', { exact: true }).waitFor();
    await vi.waitUntil(async () => (await listed()).every((driverId) => driverId === 'present'));
    expect(complaints).toEqual([]);
  });
});
