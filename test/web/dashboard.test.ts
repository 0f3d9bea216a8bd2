import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Message } from '../support/belief.ts';
import { findChromium, startMapChromium } from '../support/browser.ts';
import { at, fleet, HERE, openDashboard, startWithMap } from '../support/dashboard.ts';
import { describeWith } from '../support/services.ts';

describeWith('Chromium', findChromium(), 'the dashboard', (path) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startMapChromium(path);
  });
  afterAll(() => browser.close());

  test('draws and lists whom REST lists, each in the colour of its status, and gives the token to nobody', async () => {
    const server = await startWithMap();
    await server.post('/v1/positions', { positions: fleet(40) });
    const dashboard = await openDashboard(browser, server, { hash: at(HERE), viewport: { width: 900, height: 600 } });
    const drivers = await dashboard.expectSame(server);
    const colours = new Map<string, Message>();
    for (const status of ['available', 'busy', 'pickup']) colours.set(status, await dashboard.legendColour(status));
    const drawn = await dashboard.expectDrawn(drivers, ({ attributes }) => colours.get(attributes.status));
    expect(drawn.length).toBeGreaterThan(5);
    expect(dashboard.page.url()).toBe(`http://127.0.0.1:${server.port}/#${at(HERE)}`);
    const [x, y] = dashboard.pixelOf(drawn[3]);
    await dashboard.page.mouse.click(x, y);
    await dashboard.page.getByRole('article', { name: `Driver ${drawn[3].driverId}`, exact: true }).waitFor();
    expect(dashboard.complaints).toEqual([]);
    expect(dashboard.abroad).toEqual([]);
  });
});
