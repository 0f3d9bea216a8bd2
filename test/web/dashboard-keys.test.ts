import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, vi } from 'vitest';
import type { Message } from '../support/belief.ts';
import { findChromium, startMapChromium } from '../support/browser.ts';
import { at, fleet, HERE, openDashboard, PHONE, patience, startWithMap, WIDE } from '../support/dashboard.ts';
import { describeWith } from '../support/services.ts';
import { slowTest } from '../support/slow.ts';

// Scripts of pages run in the browser: what they use is there, not here.
declare const document: Message;

// Browsers that draw without a graphics card take their time on a machine that has other things to do.
vi.setConfig({ testTimeout: 240_000 });
afterAll(() => vi.resetConfig());

describeWith('Chromium', findChromium(), 'the dashboard for whoever has no mouse or sees it otherwise', (path) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startMapChromium(path);
  });
  afterAll(() => browser.close());

  for (const viewport of [WIDE, PHONE]) {
    slowTest(`axe finds nothing serious at ${viewport.width} pixels, light and dark, whatever is open`, async () => {
      const server = await startWithMap();
      const drivers = fleet(30, HERE, 0.05);
      await server.post('/v1/positions', { positions: drivers });
      const unknown = await openDashboard(browser, server, { hash: at(HERE), token: null, viewport });
      await unknown.page.getByRole('dialog').waitFor();
      await unknown.expectAccessible();
      const dashboard = await openDashboard(browser, server, { hash: at(HERE), viewport });
      const { page } = dashboard;
      await dashboard.status('Live');
      if (viewport === PHONE) await dashboard.button('Show the drivers').click();
      await expect.poll(() => dashboard.listed().then((list) => list.length), patience).toBeGreaterThan(5);
      await dashboard.expectAccessible();
      await page.locator('.legend summary').click();
      await page.locator('.chip', { hasText: 'busy' }).click();
      await dashboard.expectAccessible();
      await dashboard.shoot('filtered');
      await page.locator('.row').first().click();
      await page.getByRole('article').waitFor();
      await dashboard.button('Follow').click();
      await dashboard.expectAccessible();
      await dashboard.shoot('details');
      await dashboard.button('All drivers').click();
      const tools = page.getByRole('toolbar').locator('button[aria-pressed]');
      for (let i = 0; i < (await tools.count()); i++) {
        const name = await tools.nth(i).getAttribute('aria-label');
        await tools.nth(i).click();
        await dashboard.expectAccessible();
        await dashboard.shoot(`tool-${name?.toLowerCase().replaceAll(' ', '-')}`);
        await tools.nth(i).click();
      }
      expect(dashboard.complaints).toEqual([]);
    });
  }

  slowTest('Tab reaches the map, the tools, the search and the list, in this order, and is seen to', async () => {
    const server = await startWithMap();
    await server.post('/v1/positions', { positions: fleet(8, HERE, 0.05) });
    const dashboard = await openDashboard(browser, server, { hash: at(HERE) });
    await dashboard.expectSame(server);
    const { page } = dashboard;
    const met: string[] = [];
    for (let i = 0; i < 60; i++) {
      await page.keyboard.press('Tab');
      const focused = await page.evaluate(() => {
        const element = document.activeElement;
        if (element === null || element === document.body) return undefined;
        const { outlineStyle, outlineWidth } = document.defaultView.getComputedStyle(element);
        const { left, top, right, bottom } = element.getBoundingClientRect();
        return {
          name: element.getAttribute('aria-label') ?? element.textContent ?? '',
          what: element.className as string,
          isOutlined: outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 1,
          box: [left, top, right, bottom] as number[],
        };
      });
      // The browser's own bars have it at the end.
      if (focused === undefined) break;
      expect(focused.isOutlined, `${focused.what} ${focused.name}`).toBe(true);
      met.push(`${focused.what} ${focused.name}`);
    }
    const place = (of: RegExp) => met.findIndex((name) => of.test(name));
    const order = [/^maplibregl-canvas/, /Replay/, /Dark/, /^field/, /^chip/, /^row/].map(place);
    expect(order, met.join('\n')).not.toContain(-1);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(new Set(met).size).toBe(met.length);
    // All of a driver by keys alone: to a row, in, to the follow button, and back.
    await page.locator('.row').nth(2).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('article').waitFor();
    await page.getByRole('button', { name: 'Follow' }).focus();
    await page.keyboard.press('Space');
    await expect.poll(() => page.url(), patience).toContain('driver=');
    expect(dashboard.complaints).toEqual([]);
  });

  slowTest('that the map has the focus is seen at its edge', async () => {
    const server = await startWithMap();
    const dashboard = await openDashboard(browser, server, { hash: at(HERE) });
    await dashboard.status('Live');
    await dashboard.page.waitForTimeout(1000);
    const before = await dashboard.picture();
    await dashboard.page.keyboard.press('Tab');
    expect(await page(dashboard)).toContain('maplibregl-canvas');
    const after = await dashboard.picture();
    const edge = Array.from({ length: 5 }, (_, y) => [before.at(900, y), after.at(900, y)] as const);
    expect(edge.some(([a, b]) => a.some((channel, i) => Math.abs(channel - b[i]) > 30))).toBe(true);
  });
});

const page = ({ page }: { page: Message }): Promise<string> => page.evaluate(() => document.activeElement.className);
