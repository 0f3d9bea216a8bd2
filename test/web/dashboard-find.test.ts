import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, vi } from 'vitest';
import type { Message } from '../support/belief.ts';
import { findChromium, startMapChromium } from '../support/browser.ts';
import { at, fleet, HERE, openDashboard, patience, startWithMap } from '../support/dashboard.ts';
import { describeWith } from '../support/services.ts';
import { slowTest } from '../support/slow.ts';

// Scripts of pages run in the browser: what they use is there, not here.
declare const document: Message;

vi.setConfig({ testTimeout: 120_000 });
afterAll(() => vi.resetConfig());

describeWith('Chromium', findChromium(), 'whoever looks for a driver', (path) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startMapChromium(path);
  });
  afterAll(() => browser.close());

  slowTest('finds whom the list shows, whatever the case, and is told what else is the matter', async () => {
    const server = await startWithMap();
    await server.post('/v1/positions', { positions: fleet(20, HERE, 0.04) });
    const dashboard = await openDashboard(browser, server, { hash: at(HERE) });
    await dashboard.expectSame(server);
    const { page } = dashboard;
    const search = page.getByRole('searchbox');
    const lookFor = async (text: string) => {
      await search.fill(text);
      await page.keyboard.press('Enter');
    };
    await lookFor('DRIVER-007');
    await page.getByRole('article', { name: 'Driver driver-007' }).waitFor(patience);
    await dashboard.button('All drivers').click();
    await lookFor('R-01');
    await page.getByRole('alert').getByText('10 drivers in view have “R-01” in their id').waitFor(patience);
    await lookFor('nobody');
    await page.getByRole('alert').getByText('There is no driver “nobody” on duty.').waitFor(patience);
    // What is no longer typed is no longer spoken of.
    await search.press('Escape');
    await page.getByText('There is no driver “nobody” on duty.').waitFor({ ...patience, state: 'detached' });
    expect(await dashboard.listed()).toHaveLength(20);
    // Not to be reached is not to be absent.
    await page.route('**/v1/drivers/*', (route) => route.abort('connectionrefused'));
    await lookFor('nobody-2');
    await page.getByRole('alert').getByText('No answer came').waitFor(patience);
    expect(await page.getByText('no driver “nobody-2”').count()).toBe(0);
    expect(dashboard.complaints.filter((text) => !/404|ERR_CONNECTION/.test(text))).toEqual([]);
  });

  slowTest('has the one that was looked for last, and its details also while drivers are counted', async () => {
    const server = await startWithMap();
    const drivers = fleet(4, { lat: 51.5, lng: -0.12 });
    await server.post('/v1/positions', { positions: drivers });
    const dashboard = await openDashboard(browser, server, { hash: at(HERE) });
    await dashboard.status('Live');
    const { page } = dashboard;
    let answerFirst = () => {};
    await page.route('**/v1/drivers/driver-000', (route) => {
      answerFirst = () => void route.continue();
    });
    const search = page.getByRole('searchbox');
    for (const driverId of ['driver-000', 'driver-001']) {
      await search.fill(driverId);
      await page.keyboard.press('Enter');
    }
    const details = page.getByRole('article', { name: 'Driver driver-001' });
    await details.waitFor(patience);
    const answered = page.waitForResponse('**/v1/drivers/driver-000');
    answerFirst();
    await answered;
    await dashboard.button('Counts by cell').click();
    await dashboard.status('Counts');
    await details.getByText('Drivers are counted now.').waitFor(patience);
    await details.getByText('Position', { exact: true }).waitFor(patience);
    expect(dashboard.complaints).toEqual([]);
  });

  slowTest('by keys is not sent back to the top of the page when what was pressed is gone', async () => {
    const server = await startWithMap();
    await server.post('/v1/positions', { positions: fleet(20, HERE, 0.04) });
    const hash = `${at(HERE)}&where=status:busy&area=circle:${HERE.lat},${HERE.lng},2000`;
    const dashboard = await openDashboard(browser, server, { hash });
    await dashboard.status('Live');
    const { page } = dashboard;
    const focused = () => page.evaluate(() => document.activeElement.className as string);
    const press = async (name: string) => {
      const button = dashboard.button(name);
      await button.focus();
      await page.keyboard.press('Enter');
      await button.waitFor({ ...patience, state: 'detached' });
    };
    await press('Show all');
    await expect.poll(focused).toBe('chip');
    await dashboard.button('Area').click();
    await press('Back to the view');
    await expect.poll(focused).toBe('tool card');
    await dashboard.button('Replay').click();
    await dashboard.button('15 min').click();
    await press('Back to live');
    await expect.poll(focused).toBe('tool card');
    expect(dashboard.complaints).toEqual([]);
  });
});
