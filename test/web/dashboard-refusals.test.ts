import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect } from 'vitest';
import { findChromium, startMapChromium } from '../support/browser.ts';
import { at, fleet, HERE, openDashboard, patience, startWithMap } from '../support/dashboard.ts';
import { token } from '../support/server.ts';
import { describeWith } from '../support/services.ts';
import { slowTest } from '../support/slow.ts';

describeWith('Chromium', findChromium(), 'a dashboard that is refused something', (path) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startMapChromium(path);
  });
  afterAll(() => browser.close());

  slowTest('asks for a token where the link had none that could be, or one that may not see anybody', async () => {
    const server = await startWithMap();
    for (const [given, title] of [
      ['%F0%9F%98%80', 'Who is asking?'],
      ['eyJhbGciOiJIUzI1NiJ9.eyJzd', 'Who is asking?'],
      [token({ scope: 'positions:write:any' }), 'This token is not taken'],
    ]) {
      const { page } = await openDashboard(browser, server, { hash: at(HERE), token: given });
      await page.getByRole('dialog', { name: title }).waitFor(patience);
      const kept = await page.evaluate(() => globalThis.sessionStorage.getItem('nearcast.token'));
      expect(kept).toBe(title === 'Who is asking?' ? null : given);
      await page.context().close();
    }
  });

  slowTest('shows what its filters say: those that are refused are taken back', async () => {
    const server = await startWithMap();
    await server.post('/v1/positions', { positions: fleet(20) });
    // Of a link, of which nothing was taken yet.
    const dashboard = await openDashboard(browser, server, { hash: `${at(HERE)}&where=__proto__:x` });
    const { page } = dashboard;
    await page.getByRole('alert').getByText('must not have the key __proto__').waitFor(patience);
    await dashboard.status('Live');
    expect((await dashboard.expectSame(server)).length).toBeGreaterThan(0);
    // Of the form, where others hold.
    await page.locator('.chip', { hasText: 'busy' }).click();
    await dashboard.expectSame(server, '&attributes.status=busy');
    await page.getByText('More filters').click();
    await page.getByLabel('Attribute').fill('__proto__');
    await page.getByLabel('Its value').fill('y');
    await page.getByRole('button', { name: 'Add this filter' }).click();
    await expect.poll(() => dashboard.heard.filter(({ type }) => type === 'error').length, patience).toBe(2);
    await dashboard.expectSame(server, '&attributes.status=busy');
    await expect.poll(() => page.url(), patience).toMatch(/where=status:busy$/);
    expect(dashboard.complaints).toEqual([]);
  });

  slowTest('says that there is no driver of which a link tells', async () => {
    const server = await startWithMap();
    const { page } = await openDashboard(browser, server, { hash: `${at(HERE)}&driver=nobody` });
    await page.getByRole('alert').getByText('no driver “nobody”').waitFor(patience);
  });

  slowTest('takes the token out of the address, and works, where the browser lets it keep nothing', async () => {
    const server = await startWithMap();
    await server.post('/v1/positions', { positions: fleet(20) });
    const deny = () => {
      for (const name of ['sessionStorage', 'localStorage']) {
        const get = () => {
          throw new DOMException('Access is denied for this document.', 'SecurityError');
        };
        Object.defineProperty(globalThis, name, { get });
      }
    };
    const dashboard = await openDashboard(browser, server, {
      hash: at(HERE),
      prepare: (context) => context.addInitScript(deny),
    });
    await dashboard.expectSame(server);
    expect(dashboard.page.url()).not.toContain('token');
    const { page } = dashboard;
    await page.getByRole('button', { name: 'Dark', exact: true }).click();
    await page.getByRole('button', { name: 'Light', exact: true }).waitFor(patience);
    for (const path of ['driver', 'rider']) {
      await page.goto(`http://127.0.0.1:${server.port}/${path}#token=${token()}`);
      await page.getByRole('heading', { level: 1 }).waitFor(patience);
      expect(page.url()).not.toContain('token');
    }
    expect(dashboard.complaints).toEqual([]);
  });

  slowTest('does not go on asking once its token has ended', async () => {
    const server = await startWithMap();
    await server.post('/v1/positions', { positions: fleet(20) });
    const asked: string[] = [];
    const { page } = await openDashboard(browser, server, {
      hash: at({ ...HERE, zoom: 6 }),
      token: token({ ttlSeconds: 6 }),
      prepare: async (context) => {
        context.on('request', (request) => request.url().includes('/v1/') && asked.push(request.url()));
      },
    });
    await page.getByRole('dialog', { name: 'Your token has ended' }).waitFor(patience);
    asked.length = 0;
    await page.waitForTimeout(10_000);
    // What was due then hears that it is over, too.
    expect(asked.length).toBeLessThanOrEqual(1);
  });

  slowTest('counts again no earlier than the server says', async () => {
    const server = await startWithMap({ RATE_LIMIT: '1' });
    await server.post('/v1/positions', { positions: fleet(20) });
    const asked: string[] = [];
    const { page } = await openDashboard(browser, server, {
      hash: at({ ...HERE, zoom: 6 }),
      token: token({ sub: 'rare' }),
      prepare: async (context) => {
        context.on('response', (answer) => {
          if (answer.url().includes('/v1/cells')) asked.push(`${answer.status()}`);
        });
      },
    });
    await expect.poll(() => asked.at(-1), patience).toBe('429');
    const count = asked.length;
    await page.waitForTimeout(9_000);
    expect(asked.length).toBe(count);
  });

  slowTest('goes on with the view where a link has an area that the server does not watch', async () => {
    const server = await startWithMap({ MAX_RADIUS_METERS: '1000' });
    await server.post('/v1/positions', { positions: fleet(20) });
    for (const zoom of [13.5, 9]) {
      const hash = `${at({ ...HERE, zoom })}&area=circle:${HERE.lat},${HERE.lng},5000`;
      const dashboard = await openDashboard(browser, server, { hash });
      await dashboard.page.getByRole('alert').getByText('radius').first().waitFor(patience);
      await dashboard.status('Live');
      expect((await dashboard.expectSame(server)).length).toBeGreaterThan(0);
      expect(dashboard.complaints).toEqual([]);
      await dashboard.page.context().close();
    }
  });

  slowTest('says of which time its counts are while there are no newer ones, and shows none of elsewhere', async () => {
    const server = await startWithMap();
    await server.post('/v1/positions', { positions: fleet(20) });
    let isDown = false;
    const dashboard = await openDashboard(browser, server, {
      hash: at({ ...HERE, zoom: 9 }),
      prepare: (context) =>
        context.route('**/v1/cells*', (route) => (isDown ? route.abort('connectionrefused') : route.continue())),
    });
    const { page } = dashboard;
    await dashboard.button('Counts by cell').click();
    await dashboard.status('Counts');
    await page.locator('.list-count', { hasText: '20 drivers in view' }).waitFor(patience);
    isDown = true;
    await dashboard.status('No counts; trying again…');
    await page.locator('.status', { hasText: /as of \d+ s ago/ }).waitFor(patience);
    await page.locator('.list-count', { hasText: '20 drivers in view' }).waitFor(patience);
    await dashboard.drag(-400, 0);
    await page.locator('.list-count', { hasText: 'Counting…' }).waitFor(patience);
    isDown = false;
    await dashboard.status('Counts');
    await page.locator('.list-count', { hasText: '20 drivers in view' }).waitFor(patience);
    expect(dashboard.complaints.filter((text) => !/ERR_CONNECTION/.test(text))).toEqual([]);
  });
});
