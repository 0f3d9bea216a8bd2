import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, vi } from 'vitest';
import type { Message } from '../support/belief.ts';
import { findChromium, startMapChromium } from '../support/browser.ts';
import {
  at,
  fleet,
  HERE,
  openDashboard,
  openTab,
  PHONE,
  patience,
  startWithMap,
  viewIn,
  WIDE,
} from '../support/dashboard.ts';
import { ServerProcess } from '../support/process.ts';
import { SECRET, startServer, token } from '../support/server.ts';
import { describeWith } from '../support/services.ts';
import { slowTest } from '../support/slow.ts';

// Scripts of pages run in the browser: what they use is there, not here.
declare const navigator: Message;
declare const document: Message;

// Browsers that draw without a graphics card take their time on a machine that has other things to do.
vi.setConfig({ testTimeout: 120_000 });
afterAll(() => vi.resetConfig());

/** The longest that a client waits before it tries again, and what that takes. */
const A_BACK_OFF = { timeout: 30_000 + patience.timeout };

/** A port that nobody listens at. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describeWith('Chromium', findChromium(), 'whom the dashboard asks as, and whom it asks', (path) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startMapChromium(path);
  });
  afterAll(() => browser.close());

  slowTest(
    'the token of a link leaves the address at once, is kept in the tab, and another link replaces it',
    async () => {
      const server = await startWithMap();
      await server.post('/v1/positions', { positions: fleet(10) });
      const given = token({ sub: 'somebody' });
      const dashboard = await openDashboard(browser, server, { hash: at(HERE), token: given });
      const { page } = dashboard;
      await dashboard.expectSame(server);
      expect(page.url()).not.toContain('token');
      expect(await page.evaluate(() => document.defaultView.history.length)).toBeLessThanOrEqual(2);
      await page.reload();
      await dashboard.expectSame(server);
      expect(await page.context().cookies()).toEqual([]);
      // Another tab of the same browser has none.
      const other = await openTab(page.context(), server, [at(HERE)]);
      await other.page.getByRole('dialog', { name: 'Who is asking?' }).waitFor();
      expect([...dashboard.complaints, ...other.complaints]).toEqual([]);
    },
  );

  slowTest.each([WIDE, PHONE])(
    'without a token it asks for one, says what is none and what is refused, and goes on with a good one: %o',
    async (viewport) => {
      const server = await startWithMap();
      await server.post('/v1/positions', { positions: fleet(10) });
      const dashboard = await openDashboard(browser, server, { hash: at(HERE), token: null, viewport });
      const { page } = dashboard;
      const dialog = page.getByRole('dialog');
      await page.getByRole('dialog', { name: 'Who is asking?' }).waitFor();
      await dashboard.shoot('no-token');
      const field = dialog.getByRole('textbox');
      await field.fill('hunter2');
      await page.keyboard.press('Enter');
      await dialog.getByRole('alert').getByText('That is no token').waitFor();
      await dashboard.shoot('no-such-token');
      await field.fill(`${token().slice(0, -6)}AAAAAA`);
      await dialog.getByRole('button', { name: 'Go on' }).click();
      await page.getByRole('dialog', { name: 'This token is not taken' }).waitFor(patience);
      await dashboard.shoot('refused');
      // Nothing but the refusal itself was complained of by the browser.
      expect(dashboard.complaints.filter((text) => !/401|WebSocket/.test(text))).toEqual([]);
      await field.fill(`Bearer ${token()}`);
      await page.keyboard.press('Enter');
      await dialog.waitFor({ state: 'detached' });
      if (viewport === WIDE) await dashboard.expectSame(server);
      else await dashboard.status('Live');
    },
  );

  slowTest(
    'a token that is spelled as the API has it is taken, and out of the address and the link to the view',
    async () => {
      const server = await startWithMap();
      await server.post('/v1/positions', { positions: fleet(10) });
      for (const link of [`?access_token=${token()}#${at(HERE)}`, `#access_token=${token()}&${at(HERE)}`]) {
        const dashboard = await openDashboard(browser, server, { hash: at(HERE), token: null });
        const { page } = dashboard;
        await page.goto(`http://127.0.0.1:${server.port}/${link}`);
        await page.reload();
        await dashboard.expectSame(server);
        expect(page.url()).not.toContain('token');
        await dashboard.button('Share').click();
        expect(await page.getByLabel('Link to this view').inputValue()).not.toContain('token');
      }
    },
  );

  slowTest('a link without a place or a token goes to the fleet, or its driver, when a token is entered', async () => {
    const server = await startWithMap();
    const drivers = fleet(10, { lat: 51.5, lng: -0.12 });
    await server.post('/v1/positions', { positions: drivers });
    for (const hash of [undefined, `driver=${drivers[4].driverId}`]) {
      const { page, ...dashboard } = await openDashboard(browser, server, { hash, token: null });
      const good = token();
      for (const given of [`${good.slice(0, -6)}AAAAAA`, good]) {
        await page.getByRole('dialog').getByRole('textbox').fill(given);
        await page.keyboard.press('Enter');
        if (given !== good) await page.getByRole('dialog', { name: 'This token is not taken' }).waitFor(patience);
      }
      if (hash === undefined) {
        await expect.poll(() => page.locator('.row').count(), patience).toBe(10);
        // Not the whole country either.
        await expect.poll(() => viewIn(page.url()).zoom, patience).toBeGreaterThan(11);
        expect(Math.abs(viewIn(page.url()).lat - 51.5)).toBeLessThan(0.05);
      } else await page.getByRole('article', { name: `Driver ${drivers[4].driverId}` }).waitFor(patience);
      expect(dashboard.complaints.filter((text) => !/401|WebSocket/.test(text))).toEqual([]);
    }
  });

  slowTest('without a place in the link all of the fleet is in view, also over the antimeridian', async () => {
    const server = await startWithMap();
    await server.post('/v1/positions', { positions: fleet(20, { lat: -16.8, lng: 180 }, 0.2) });
    const dashboard = await openDashboard(browser, server);
    await expect.poll(() => dashboard.listed().then((list) => list.length), patience).toBe(20);
    await expect.poll(() => dashboard.view.zoom, patience).toBeGreaterThan(10);
    expect(await dashboard.expectSame(server)).toHaveLength(20);
    expect(dashboard.complaints).toEqual([]);
  });

  slowTest(
    'goes to the fleet once it can be asked for, but not any more for whoever has looked elsewhere meanwhile',
    async () => {
      const server = await startWithMap();
      await server.post('/v1/positions', { positions: fleet(10, { lat: 51.5, lng: -0.12 }) });
      for (const looksElsewhere of [false, true]) {
        let isBusy = true;
        const problem = { title: 'Busy', status: 503, code: 'unavailable', detail: 'It starts.' };
        const dashboard = await openDashboard(browser, server, {
          prepare: (context) =>
            context.route('**/v1/cells*', (route) =>
              isBusy
                ? route.fulfill({ status: 503, contentType: 'application/problem+json', body: JSON.stringify(problem) })
                : route.continue(),
            ),
        });
        const { page } = dashboard;
        await page.getByRole('alert').getByText('It starts.').waitFor(patience);
        if (looksElsewhere) await dashboard.drag(-200, 0);
        const asked = page.waitForResponse((answer) => answer.url().includes('/v1/cells') && answer.ok(), patience);
        isBusy = false;
        await asked;
        if (looksElsewhere) {
          await page.locator('.list-count', { hasText: '10 drivers in view' }).waitFor(patience);
          await page.waitForTimeout(6_000);
          expect(dashboard.view.zoom).toBeLessThan(4);
        } else await expect.poll(() => dashboard.view.zoom, patience).toBeGreaterThan(11);
        await page.context().close();
      }
    },
  );

  slowTest('without a place in the link the only driver is in the middle of what no panel covers', async () => {
    const server = await startWithMap();
    const [driver] = fleet(1);
    await server.post('/v1/positions', { positions: [driver] });
    const dashboard = await openDashboard(browser, server);
    await expect.poll(() => dashboard.view.zoom, patience).toBe(15);
    const panel = await dashboard.page.getByRole('region', { name: 'Drivers', exact: true }).boundingBox();
    const tools = await dashboard.page.getByRole('toolbar').boundingBox();
    const left = (panel?.x ?? 0) + (panel?.width ?? 0);
    const right = tools?.x ?? WIDE.width;
    const [x, y] = dashboard.pixelOf(driver as { latitude: number; longitude: number });
    expect(Math.abs(x - (left + right) / 2)).toBeLessThan((right - left) / 6);
    expect(Math.abs(y - WIDE.height / 2)).toBeLessThan(WIDE.height / 6);
  });

  slowTest('when its token ends the map stays behind the question for another, with which it goes on', async () => {
    const server = await startWithMap();
    const drivers = fleet(10, HERE, 0.03);
    await server.post('/v1/positions', { positions: drivers });
    const dashboard = await openDashboard(browser, server, { hash: at(HERE), token: token({ ttlSeconds: 6 }) });
    await dashboard.expectSame(server);
    const { page } = dashboard;
    const dialog = page.getByRole('dialog', { name: 'Your token has ended' });
    await dialog.waitFor(patience);
    await dashboard.shoot('ended');
    expect(await dashboard.listed()).toHaveLength(10);
    expect(await page.locator('.maplibregl-canvas').isVisible()).toBe(true);
    // Asked for again and again, a browser closes it whatever the page says.
    for (let n = 0; n < 4; n++) await page.keyboard.press('Escape');
    await dialog.waitFor(patience);
    await page.waitForTimeout(300);
    expect(await dialog.isVisible()).toBe(true);
    const { driverId } = drivers[3];
    await server.post('/v1/positions', { driverId: 'newcomer', latitude: HERE.lat, longitude: HERE.lng });
    await server.post('/v1/positions', { driverId, latitude: HERE.lat + 1, longitude: HERE.lng });
    await dialog.getByRole('textbox').fill(token());
    await page.keyboard.press('Enter');
    await dialog.waitFor({ state: 'detached' });
    const now = await dashboard.expectSame(server);
    expect(now.map((driver) => driver.driverId)).toContain('newcomer');
    expect(dashboard.complaints.filter((text) => !/401|WebSocket/.test(text))).toEqual([]);
  });

  slowTest('a token that has ended is told from one that is refused, though all that was heard came late', async () => {
    const server = await startWithMap();
    await server.post('/v1/positions', { positions: fleet(10, HERE, 0.03) });
    const { page } = await openDashboard(browser, server, {
      hash: at(HERE),
      token: token({ ttlSeconds: 5 }),
      prepare: (context) =>
        context.routeWebSocket(/./, (socket) => {
          const behind = socket.connectToServer();
          // Only the messages are slow: that the connection is closed is known at once.
          behind.onMessage((message) => void setTimeout(() => socket.send(message), 2500));
        }),
    });
    await page.getByRole('dialog', { name: 'Your token has ended' }).waitFor(patience);
  });

  slowTest(
    'a server that is killed and comes back is told of, and waited for; then all is where it is',
    async () => {
      const dir = mkdtempSync(join(tmpdir(), 'nearcast-dashboard-'));
      onTestFinished(() => rmSync(dir, { recursive: true, force: true, maxRetries: 20 }));
      const env = { DATA_DIR: dir, JWT_SECRET: SECRET, MAP_STYLE_URL: 'none' };
      const first = new ServerProcess(env);
      const url = await first.ready;
      const port = Number(new URL(url).port);
      const headers = { authorization: `Bearer ${token()}`, 'content-type': 'application/json' };
      const get = (path: string) => fetch(url + path, { headers });
      const post = (body: unknown) =>
        fetch(`${url}/v1/positions`, { method: 'POST', headers, body: JSON.stringify(body) });
      const drivers = fleet(20, HERE, 0.04);
      await post({ positions: drivers });
      const dashboard = await openDashboard(browser, { port }, { hash: at(HERE) });
      const listed = await dashboard.expectSame({ get });
      const colour = new Map<string, readonly [number, number, number]>();
      for (const status of ['available', 'busy', 'pickup']) colour.set(status, await dashboard.legendColour(status));
      const colourOf = ({ attributes }: Message) => colour.get(attributes.status) as [number, number, number];
      await dashboard.expectDrawn(listed, colourOf);
      await first.kill('SIGKILL');
      await dashboard.status('Reconnecting…');
      await dashboard.shoot('reconnecting');
      expect(await dashboard.listed()).toHaveLength(listed.length);
      const second = new ServerProcess({ ...env, PORT: String(port) });
      await second.ready;
      const moved = drivers.slice(0, 5).map((driver) => ({
        ...driver,
        latitude: driver.latitude + 0.002,
        timestamp: Date.now(),
      }));
      await post({ positions: moved });
      await dashboard.status('Live', A_BACK_OFF);
      const after = await dashboard.expectSame({ get });
      expect(after.length).toBeGreaterThan(15);
      await dashboard.expectDrawn(after, colourOf);
      // Refused connections are all that is complained of, and that by the browser.
      expect(dashboard.complaints.filter((text) => !/ERR_CONNECTION|WebSocket/.test(text))).toEqual([]);
    },
    120_000,
  );

  slowTest('where nobody is it says so, and leads to the fleet', async () => {
    const server = await startWithMap();
    const nobody = await openDashboard(browser, server, { hash: at(HERE) });
    await nobody.page.getByText('Nobody is here.').waitFor(patience);
    await nobody.shoot('empty');
    await server.post('/v1/positions', { positions: fleet(10, { lat: 51.5, lng: -0.12 }) });
    await nobody.button('Show the whole fleet').click();
    await expect.poll(() => nobody.listed().then((list) => list.length), patience).toBe(10);
    expect(nobody.complaints).toEqual([]);
  });

  slowTest('that a token may not read, and that there is no connection, is said', async () => {
    const server = await startWithMap();
    const forbidden = await openDashboard(browser, server, {
      hash: at(HERE),
      token: token({ scope: 'positions:write:any' }),
    });
    await forbidden.page.getByRole('dialog').getByText('positions:read').waitFor(patience);
    await forbidden.shoot('forbidden');

    const cut = await openDashboard(browser, server, {
      hash: at(HERE),
      prepare: (context) => context.routeWebSocket(/./, (socket) => socket.close()),
    });
    await cut.status('No connection; trying again…');
    await cut.shoot('no-connection');
  });

  slowTest('a server without a history has neither a trail nor a replay, and says so', async () => {
    const bare = await startServer({ env: { MAP_STYLE_URL: 'none', HISTORY_RETENTION_DAYS: '0' } });
    await bare.post('/v1/positions', { positions: fleet(10) });
    const noHistory = await openDashboard(browser, bare, { hash: at(HERE) });
    const [driver] = await noHistory.expectSame(bare);
    await noHistory.page.locator('.row', { hasText: driver.driverId }).click();
    await noHistory.page.getByRole('article').waitFor();
    await noHistory.button('Replay').click();
    await noHistory.page.getByText(/keeps no history/).waitFor();
    await noHistory.shoot('no-history');
    expect(noHistory.complaints).toEqual([]);
  });

  slowTest('what a busy server says is told', async () => {
    const server = await startWithMap();
    for (const [status, code] of [
      [429, 'limit'],
      [503, 'unavailable'],
    ] as const) {
      const problem = { title: 'Busy', status, code, detail: `The server is busy, as ${status} says.` };
      const busy = await openDashboard(browser, server, {
        hash: at({ ...HERE, zoom: 5 }),
        prepare: (context) =>
          context.route('**/v1/cells*', (route) =>
            route.fulfill({ status, contentType: 'application/problem+json', body: JSON.stringify(problem) }),
          ),
      });
      await busy.page.getByRole('alert').getByText(`as ${status} says`).waitFor(patience);
      await busy.status('Counting…');
      await busy.shoot(`busy-${status}`);
      expect(busy.complaints.filter((text) => !text.includes(String(status)))).toEqual([]);
    }
  });

  slowTest('it asks nobody else: not offline, and once for a style that does not come', async () => {
    const offline = await startServer({ env: { MAP_STYLE_URL: 'https://tiles.example.com/{theme}.json' } });
    await offline.post('/v1/positions', { positions: fleet(10) });
    const dashboard = await openDashboard(browser, offline, {
      hash: at(HERE),
      prepare: (context) =>
        context.addInitScript(() => Object.defineProperty(navigator, 'onLine', { get: () => false })),
    });
    await dashboard.page.waitForTimeout(1500);
    expect(dashboard.abroad).toEqual([]);
    expect(dashboard.complaints).toEqual([]);
    await dashboard.expectSame(offline);

    const style = `http://127.0.0.1:${await closedPort()}/{theme}.json`;
    const server = await startServer({ env: { MAP_STYLE_URL: style } });
    await server.post('/v1/positions', { positions: fleet(10) });
    const online = await openDashboard(browser, server, { hash: at(HERE) });
    await online.expectSame(server);
    await online.page.waitForTimeout(1500);
    expect(online.abroad).toEqual([style.replace('{theme}', 'light')]);
    await online.button('Dark').click();
    await online.page.reload();
    await online.expectSame(server);
    expect(online.abroad).toHaveLength(1);
    expect(online.complaints.filter((text) => !text.includes('ERR_CONNECTION_REFUSED'))).toEqual([]);
    await online.shoot('background');
  });

  slowTest('light or dark is as the system has it, until one chooses, which is kept', async () => {
    const server = await startWithMap();
    await server.post('/v1/positions', { positions: fleet(10) });
    const dashboard = await openDashboard(browser, server, { hash: at(HERE), colorScheme: 'dark' });
    const { page } = dashboard;
    await dashboard.expectSame(server);
    const theme = () => page.evaluate(() => document.documentElement.dataset.theme as string);
    /** How bright the map is, where nobody is drawn most of the time: the middle of many pixels. */
    const brightness = async () => {
      const picture = await dashboard.picture();
      const some = Array.from(
        { length: 400 },
        (_, i) => picture.at(400 + (i % 20) * 40, 60 + Math.floor(i / 20) * 40)[1],
      );
      return some.sort((a, b) => a - b)[200];
    };
    expect(await theme()).toBe('dark');
    await expect.poll(brightness, patience).toBeLessThan(90);
    await page.emulateMedia({ colorScheme: 'light' });
    await expect.poll(theme).toBe('light');
    await expect.poll(brightness, patience).toBeGreaterThan(170);
    await dashboard.button('Dark').click();
    await expect.poll(brightness, patience).toBeLessThan(90);
    await page.reload();
    await dashboard.expectSame(server);
    expect(await theme()).toBe('dark');
    await dashboard.button('Light').click();
    expect(await theme()).toBe('light');
    expect(dashboard.complaints).toEqual([]);
  });
});
