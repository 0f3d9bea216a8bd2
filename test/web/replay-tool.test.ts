import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, vi } from 'vitest';
import { MemoryTracks } from '../../src/store/memory-tracks.ts';
import { place } from '../client/support.ts';
import { madeUpDay, sourceOf, Truth } from '../history/past.ts';
import { box } from '../support/areas.ts';
import { findChromium, startMapChromium } from '../support/browser.ts';
import { at, openDashboard, patience } from '../support/dashboard.ts';
import { seeded } from '../support/random.ts';
import { startServer } from '../support/server.ts';
import { describeWith } from '../support/services.ts';
import { slowTest } from '../support/slow.ts';

vi.setConfig({ testTimeout: 120_000 });
afterAll(() => vi.resetConfig());

describeWith('Chromium', findChromium(), 'replays on the dashboard', (executablePath) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startMapChromium(executablePath);
  });
  afterAll(() => browser.close());

  slowTest('what is shown at a time is what was there then, wherever one looks; then it is live again', async () => {
    const now = Date.now();
    const options = { drivers: 40, from: now - 900_000, to: now, reach: 3_000 };
    const fixes = madeUpDay(seeded('a replay on the dashboard'), [40.75, -73.98], options);
    const truth = new Truth(fixes);
    const history = { tracks: new MemoryTracks({ fixesOf: () => [] }), replays: sourceOf(fixes) };
    const server = await startServer({ env: { MAP_STYLE_URL: 'none' }, history });
    place(server, 'present', 40.75, -73.98);
    const dashboard = await openDashboard(browser, server, { hash: at({ lat: 40.75, lng: -73.98, zoom: 14 }) });
    const { page } = dashboard;
    const asked: URL[] = [];
    page.on('request', (request) => {
      if (request.url().includes('/v1/replay')) asked.push(new URL(request.url()));
    });
    const button = (name: string) => dashboard.button(name);
    const listed = () => dashboard.listed();
    await vi.waitUntil(async () => (await listed()).join() === 'present', patience);

    /** Resolves when just those are listed who were there by the last question, and the clock says so too. */
    const untilTrue = async () => {
      for (;;) {
        const { searchParams } = asked.at(-1) as URL;
        const time = Number(searchParams.get('from'));
        const [west, south, east, north] = (searchParams.get('bbox') as string).split(',').map(Number);
        const inside = [...truth.inside({ area: box(west, south, east, north) }, time).keys()].sort();
        const said = await page.evaluate((at) => {
          const how = { hour: '2-digit', minute: '2-digit', second: '2-digit' } as const;
          return new Date(at).toLocaleTimeString([], how);
        }, time);
        const clock = await page.locator('.replay-clock .number').textContent();
        // Those who went stale are listed behind the others.
        if (clock === said && (await listed()).sort().join() === inside.join()) return { time, inside };
        await page.waitForTimeout(100);
      }
    };

    await button('Replay').click();
    await button('15 min').click();
    await button('300×').click();
    const slider = page.getByRole('slider', { name: 'Time' });
    await vi.waitUntil(async () => Number(await slider.inputValue()) > 200_000, patience);
    await button('Pause').click();
    const paused = await untilTrue();
    expect(paused.inside.length).toBeGreaterThan(3);

    // By the keys, a step each; many make one question.
    const before = asked.length;
    await slider.focus();
    for (let n = 0; n < 20; n++) await page.keyboard.press('ArrowRight');
    await vi.waitUntil(() => asked.length > before, patience);
    const sought = await untilTrue();
    expect(sought.time).toBeGreaterThan(paused.time + 40_000);
    expect(asked.length - before).toBeLessThan(5);

    // Another view of the same time.
    await page.mouse.move(800, 600);
    await page.mouse.down();
    await page.mouse.move(600, 450, { steps: 5 });
    await page.mouse.up();
    const wasAsked = asked.length;
    await vi.waitUntil(() => asked.length > wasAsked, patience);
    const moved = await untilTrue();
    expect(moved.time).toBe(sought.time);
    expect(asked.at(-1)?.searchParams.get('bbox')).not.toBe(asked[before].searchParams.get('bbox'));

    await button('Play').click();
    await page.getByText('That was all.').waitFor();
    await button('Back to live').click();
    await page.getByText('Live', { exact: true }).waitFor();
    await vi.waitUntil(async () => (await listed()).every((driverId) => driverId === 'present'), patience);
    expect(dashboard.complaints).toEqual([]);
  });
});
