import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, vi } from 'vitest';
import type { Message } from '../support/belief.ts';
import { findChromium, startMapChromium } from '../support/browser.ts';
import {
  at,
  type DashboardPage,
  driversIn,
  fleet,
  HERE,
  hasColour,
  openDashboard,
  PHONE,
  patience,
  type Rgb,
  startWithMap,
} from '../support/dashboard.ts';
import { token } from '../support/server.ts';
import { describeWith } from '../support/services.ts';
import { slowTest } from '../support/slow.ts';

// Scripts of pages run in the browser: what they use is there, not here.
declare const document: Message;

// Browsers that draw without a graphics card take their time on a machine that has other things to do.
vi.setConfig({ testTimeout: 120_000 });
afterAll(() => vi.resetConfig());

/** The line of a trail on the light map, and how much of it covers what is below. */
const TRAIL: Rgb = [0x0a, 0x63, 0xc9];
const TRAIL_OPACITY = 0.75;

const ids = (drivers: readonly Message[]) => drivers.map(({ driverId }) => driverId).sort();
const inBox = ({ latitude, longitude }: Message, [west, south, east, north]: readonly number[]) =>
  latitude >= south && latitude <= north && longitude >= west && longitude <= east;

/** The colours that the legend has for the statuses of a fleet. */
async function coloursOf(dashboard: DashboardPage): Promise<(driver: Message) => Rgb> {
  const colours = new Map<string, Rgb>();
  for (const status of ['available', 'busy', 'pickup']) colours.set(status, await dashboard.legendColour(status));
  return ({ attributes }) => colours.get(attributes.status) as Rgb;
}

describeWith('Chromium', findChromium(), 'what the dashboard shows', (path) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startMapChromium(path);
  });
  afterAll(() => browser.close());

  slowTest('its one subscription goes where the map goes, by mouse, by keys and by its buttons', async () => {
    const server = await startWithMap();
    // Far more than is seen at first, so that there is somebody wherever it goes.
    const all = fleet(400, HERE, 0.5);
    await server.post('/v1/positions', { positions: all });
    const dashboard = await openDashboard(browser, server, { hash: at(HERE) });
    await dashboard.expectSame(server);
    const colourOf = await coloursOf(dashboard);
    const { page } = dashboard;
    const canvas = page.locator('.maplibregl-canvas');
    const ways: [string, () => Promise<unknown>][] = [
      ['drag', () => dashboard.drag(-300, 160)],
      ['keys', async () => [await canvas.focus(), await page.keyboard.press('ArrowRight')]],
      ['zoom by keys', async () => [await canvas.focus(), await page.keyboard.press('Minus')]],
      ['zoom by the button', () => dashboard.button('Come closer').click()],
      ['zoom by the wheel', async () => [await page.mouse.move(800, 500), await page.mouse.wheel(0, 120)]],
    ];
    for (const [name, go] of ways) {
      const before = dashboard.page.url();
      const sent = dashboard.sent.length;
      await go();
      await expect.poll(() => page.url(), patience).not.toBe(before);
      const drivers = await dashboard.expectSame(server);
      const updates = dashboard.sent.slice(sent);
      expect(new Set(updates.map(({ type }) => type)), name).toEqual(new Set(['update']));
      expect(dashboard.isViewport(updates.at(-1).bbox), `${name}: ${updates.at(-1).bbox} ${page.url()}`).toBe(true);
      // The address has the zoom to a hundredth, which is some pixels at the edges.
      await dashboard.expectDrawn(drivers.slice(0, 30), colourOf, 5);
    }
    expect(dashboard.sent.filter(({ type }) => type === 'subscribe').length).toBe(1);
    // Nobody came who was in no box that was asked for; and what the server told adds up to what is in the last.
    const boxes = dashboard.sent.map(({ bbox }) => bbox);
    const inside = new Set<string>();
    for (const message of dashboard.heard) {
      for (const driver of [...(message.drivers ?? []), ...(message.enter ?? [])]) {
        expect(boxes.some((box) => inBox(driver, box))).toBe(true);
        inside.add(driver.driverId);
      }
      for (const { driverId } of message.exit ?? []) inside.delete(driverId);
    }
    expect([...inside].sort()).toEqual(ids(all.filter((driver) => inBox(driver, boxes.at(-1)))));
    expect(dashboard.complaints).toEqual([]);
  });

  slowTest('a followed driver stays in the middle, watched around, with its last hour behind it', async () => {
    const server = await startWithMap();
    const others = fleet(30);
    const now = Date.now();
    // An hour's way along the avenue to the middle, from the south.
    const way = Array.from({ length: 30 }, (_, i) => ({
      driverId: 'walker',
      latitude: HERE.lat - 0.012 + i * 0.0004,
      longitude: HERE.lng + 0.01 + (i % 2) * 0.0002,
      timestamp: now - (30 - i) * 60_000,
      attributes: { status: 'available' },
    }));
    for (const fix of way) await server.post('/v1/positions', fix);
    await server.post('/v1/positions', { positions: others });
    const dashboard = await openDashboard(browser, server, { hash: at(HERE) });
    await dashboard.expectSame(server);
    const { page } = dashboard;
    const before = await dashboard.picture();
    await page.getByRole('searchbox').fill('walker');
    await page.keyboard.press('Enter');
    await page.getByRole('article', { name: 'Driver walker' }).waitFor();
    await page.getByText('The line is where it was in the last hour.').waitFor(patience);
    await dashboard.shoot('trail');
    expect(before.width).toBe(1440);
    await expect
      .poll(async () => {
        const picture = await dashboard.picture();
        const line = way.slice(0, 26).map((fix) => dashboard.pixelOf(fix));
        const isBlue = ([x, y]: [number, number]) => {
          const ground = picture.at(Math.round(x) + 30, Math.round(y));
          const mixed = TRAIL.map((c, i) => TRAIL_OPACITY * c + (1 - TRAIL_OPACITY) * ground[i]);
          return hasColour(picture, [x, y], mixed as unknown as Rgb);
        };
        return line.filter(isBlue).length;
      }, patience)
      .toBeGreaterThan(22);
    await dashboard.button('Follow').click();
    await expect.poll(() => dashboard.sent.at(-1)?.around, patience).toBe('walker');
    expect(dashboard.sent.at(-1).radius).toBeGreaterThan(500);
    const green = await page
      .locator('.details-id .swatch')
      .evaluate((element: Message) => document.defaultView.getComputedStyle(element).backgroundColor);
    const colour = green.match(/\d+/g).map(Number) as Rgb;
    let place = way[29];
    for (let step = 1; step <= 3; step++) {
      place = { ...place, latitude: place.latitude + 0.001, longitude: place.longitude + 0.001, timestamp: Date.now() };
      await server.post('/v1/positions', place);
      await expect
        .poll(() => {
          const [x, y] = dashboard.pixelOf(place);
          return Math.hypot(x - 720, y - 450) < 3;
        }, patience)
        .toBe(true);
      expect(hasColour(await dashboard.picture(), [720, 450], colour)).toBe(true);
    }
    expect(page.url()).toContain('driver=walker');
    await dashboard.shoot('follow');
    // Who takes the map by hand follows no longer.
    await dashboard.drag(-200, 0);
    await expect.poll(() => dashboard.sent.at(-1)?.bbox, patience).toBeDefined();
    await expect.poll(() => page.url(), patience).not.toContain('driver=');
    await expect.poll(() => dashboard.isViewport(dashboard.sent.at(-1).bbox), patience).toBe(true);
    expect(dashboard.complaints).toEqual([]);
    // The same by a link.
    const linked = await openDashboard(browser, server, { hash: `${at(HERE)}&driver=walker` });
    await linked.page.getByRole('article', { name: 'Driver walker' }).waitFor(patience);
    await expect.poll(() => linked.sent.at(-1)?.around, patience).toBe('walker');
    await expect
      .poll(() => Math.hypot(...linked.pixelOf(place).map((pixel, i) => pixel - [720, 450][i])), patience)
      .toBeLessThan(4);
    expect(linked.complaints).toEqual([]);
  });

  slowTest('the legend filters, on the wire, in the list and on the map; the address keeps it', async () => {
    const server = await startWithMap();
    await server.post('/v1/positions', { positions: fleet(60) });
    const dashboard = await openDashboard(browser, server, { hash: at(HERE) });
    const everybody = await dashboard.expectSame(server);
    const colourOf = await coloursOf(dashboard);
    const { page } = dashboard;
    await page.locator('.chip', { hasText: 'busy' }).click();
    const busy = await dashboard.expectSame(server, '&attributes.status=busy');
    expect(dashboard.sent.at(-1)).toMatchObject({ type: 'update', where: { status: ['busy'] } });
    await dashboard.expectDrawn(busy, colourOf);
    const gone = everybody.filter(({ attributes }) => attributes.status !== 'busy');
    const picture = await dashboard.picture();
    for (const driver of gone.filter((driver) => dashboard.pixelOf(driver)[0] > 340)) {
      const [x, y] = dashboard.pixelOf(driver);
      const near = busy.some((other) => Math.hypot(...dashboard.pixelOf(other).map((p, i) => p - [x, y][i])) < 20);
      if (!near && x < 1360) expect(hasColour(picture, [x, y], colourOf(driver), 1), driver.driverId).toBe(false);
    }
    await page.locator('.chip', { hasText: 'pickup' }).click();
    await page.locator('.legend summary').click();
    await page.locator('.chip', { hasText: 'van' }).click();
    const filter = '&attributes.status=busy&attributes.status=pickup&attributes.vehicle=van';
    const both = await dashboard.expectSame(server, filter);
    expect(both.length).toBeGreaterThan(3);
    await dashboard.shoot('filter');
    await expect.poll(() => page.url(), patience).toContain('where=status:busy,pickup;vehicle:van');
    // Whoever is given the link sees the same.
    const linked = await openDashboard(browser, server, { hash: page.url().split('#')[1] });
    expect(ids(await linked.expectSame(server, filter))).toEqual(ids(both));
    expect(linked.sent.filter(({ type }) => type === 'subscribe')).toMatchObject([
      { where: { status: ['busy', 'pickup'], vehicle: ['van'] } },
    ]);
    await dashboard.button('Show all').click();
    await dashboard.expectSame(server);
    await expect.poll(() => page.url(), patience).not.toContain('where');
    // A change of status takes a driver out of a filter, and into it.
    await page.locator('.chip', { hasText: 'busy' }).click();
    await dashboard.expectSame(server, '&attributes.status=busy');
    const [one] = everybody.filter(({ attributes }) => attributes.status === 'available');
    await server.post('/v1/positions', { ...one, timestamp: Date.now(), attributes: { status: 'busy' } });
    await expect.poll(() => dashboard.listed(), patience).toContain(one.driverId);
    await server.post('/v1/positions', { ...one, timestamp: Date.now() + 1, attributes: { status: 'available' } });
    await expect.poll(() => dashboard.listed(), patience).not.toContain(one.driverId);
    expect(dashboard.complaints).toEqual([]);
  });

  slowTest('a wide view shows few drivers one by one, and more than 5,000 as counts that add up', async () => {
    const server = await startWithMap();
    const wide = { ...HERE, zoom: 9 };
    const few = fleet(80, HERE, 1.2);
    await server.post('/v1/positions', { positions: few });
    const dashboard = await openDashboard(browser, server, { hash: at(wide) });
    const { page } = dashboard;
    const drivers = await dashboard.expectSame(server);
    await dashboard.expectDrawn(drivers, await coloursOf(dashboard));
    await dashboard.shoot('wide');
    const many = fleet(5200, HERE, 1.2).map((driver, i) => ({ ...driver, driverId: `more-${i}` }));
    for (let i = 0; i < many.length; i += 500) {
      await server.post('/v1/positions', { positions: many.slice(i, i + 500) });
    }
    await dashboard.status('Counts');
    const counted = async () => {
      const text = (await page.locator('.list-count').textContent()) ?? '';
      return text.match(/\d[\d,]*/g)?.map((number) => Number(number.replaceAll(',', ''))) ?? [];
    };
    for (const zoom of [9, 8]) {
      if (zoom === 8) await dashboard.button('Go further away').click();
      await expect.poll(() => dashboard.view.zoom, patience).toBe(zoom);
      const inside = await driversIn(server, dashboard.bbox());
      await expect.poll(async () => (await counted())[0], patience).toBe(inside.length);
      expect(inside.length).toBeGreaterThan(5000);
      const [, cells] = await counted();
      // The cells of some resolution, as REST has them, are as many, and their counts add up.
      const resolutions = await Promise.all(
        [4, 5, 6, 7].map(async (resolution) => {
          const path = `/v1/cells?resolution=${resolution}&limit=10000&bbox=${dashboard.bbox().join()}`;
          const answer: Message = await (await server.get(path)).json();
          return [
            answer.cells.length,
            answer.cells.reduce((sum: number, { count }: Message) => sum + count, 0),
          ] as const;
        }),
      );
      expect(resolutions).toContainEqual([cells, inside.length]);
    }
    expect(await dashboard.listed()).toEqual([]);
    await dashboard.shoot('counts');
    // Nothing is pushed meanwhile.
    await expect.poll(() => dashboard.sent.at(-1)?.type, patience).toBe('unsubscribe');
    // From near by it is drivers again.
    for (let i = 0; i < 5; i++) {
      await dashboard.button('Come closer').click();
      await expect.poll(() => dashboard.view.zoom, patience).toBe(9 + i);
    }
    await dashboard.status('Live');
    const near = await driversIn(server, dashboard.bbox());
    await page.locator('.list-count strong', { hasText: new RegExp(`^${near.length}$`) }).waitFor(patience);
    // And counts where they are asked for.
    await dashboard.button('Counts by cell').click();
    await expect.poll(async () => (await counted())[0], patience).toBe(near.length);
    await dashboard.button('Counts by cell').click();
    await dashboard.status('Live');
    expect(dashboard.complaints).toEqual([]);
  });

  slowTest('who goes silent is greyed where it was, and listed so; who goes off duty is gone', async () => {
    const clock = { offset: 0 };
    const server = await startWithMap({ DRIVER_TTL_SECONDS: '120' }, () => Date.now() + clock.offset);
    const drivers = fleet(12);
    const timed = (positions: Message[]) =>
      positions.map((position) => ({ ...position, timestamp: Date.now() + clock.offset }));
    await server.post('/v1/positions', { positions: timed(drivers) });
    const dashboard = await openDashboard(browser, server, { hash: at(HERE) });
    const listed = await dashboard.expectSame(server);
    const colourOf = await coloursOf(dashboard);
    const drawn = await dashboard.expectDrawn(listed, colourOf);
    const silent = drawn.slice(0, 2);
    clock.offset = 100_000;
    await server.post('/v1/positions', { positions: timed(listed.filter((driver) => !silent.includes(driver))) });
    clock.offset = 121_000;
    server.tracker.expire();
    const rows = dashboard.page.locator('.row.silent');
    await expect.poll(async () => (await rows.locator('.row-id').allTextContents()).sort()).toEqual(ids(silent));
    await expect
      .poll(() => dashboard.page.locator('.list-count').textContent())
      .toBe(`${listed.length - 2} drivers in view · 2 gone silent`);
    const picture = await dashboard.picture();
    for (const driver of silent) {
      expect(hasColour(picture, dashboard.pixelOf(driver), colourOf(driver))).toBe(false);
      const [x, y] = dashboard.pixelOf(driver);
      const pixels = Array.from({ length: 21 * 21 }, (_, i) =>
        picture.at(Math.round(x) - 10 + (i % 21), Math.round(y) - 10 + Math.floor(i / 21)),
      );
      // Something is drawn there: a grey ring, neither the ground nor a colour.
      const greys = pixels.filter((p) => Math.max(...p) - Math.min(...p) < 26 && Math.max(...p) < 190);
      expect(greys.length).toBeGreaterThan(8);
    }
    await dashboard.shoot('silent');
    await rows.first().click();
    await dashboard.page.getByText('Gone silent: nothing was received for').waitFor();
    await dashboard.shoot('silent-details');
    await dashboard.button('All drivers').click();
    // One comes back, one goes.
    await server.post('/v1/positions', { positions: timed([silent[0]]) });
    await expect.poll(() => rows.count(), patience).toBe(1);
    await dashboard.expectDrawn([silent[0]], colourOf);
    const leaver = drawn[4];
    await fetch(`http://127.0.0.1:${server.port}/v1/drivers/${leaver.driverId}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${token()}` },
    });
    await expect.poll(() => dashboard.listed(), patience).not.toContain(leaver.driverId);
    expect(hasColour(await dashboard.picture(), dashboard.pixelOf(leaver), colourOf(leaver))).toBe(false);
    expect(dashboard.complaints).toEqual([]);
  });

  slowTest('over the antimeridian it is one view, with whoever is on either side', async () => {
    const server = await startWithMap();
    const view = { lat: -16.8, lng: 179.995, zoom: 12 };
    await server.post('/v1/positions', { positions: fleet(40, view, 0.2) });
    const dashboard = await openDashboard(browser, server, { hash: at(view) });
    const drivers = await dashboard.expectSame(server);
    const east = drivers.filter(({ longitude }) => longitude < 0).length;
    expect(east).toBeGreaterThan(5);
    expect(drivers.length - east).toBeGreaterThan(5);
    const colourOf = await coloursOf(dashboard);
    await dashboard.expectDrawn(drivers, colourOf);
    await dashboard.drag(-250, 0);
    await expect.poll(() => dashboard.page.url(), patience).toContain('at=-16.8,-179');
    await dashboard.expectDrawn(await dashboard.expectSame(server), colourOf);
    const [west, , end] = dashboard.sent.at(-1).bbox;
    expect([west > 179, end < -179]).toEqual([true, true]);
    await dashboard.shoot('antimeridian');
    expect(dashboard.complaints).toEqual([]);
  });

  slowTest(
    '5,000 drivers that move leave the page answering',
    async () => {
      const server = await startWithMap();
      const all = fleet(5000, HERE, 0.2);
      const move = async () => {
        for (let i = 0; i < all.length; i += 1000) {
          const positions = all.slice(i, i + 1000).map((driver) => ({ ...driver, timestamp: Date.now() }));
          for (const position of positions) position.longitude += 0.0002;
          for (const [n, position] of positions.entries()) all[i + n] = position;
          await server.post('/v1/positions', { positions });
        }
      };
      await move();
      const dashboard = await openDashboard(browser, server, { hash: at({ ...HERE, zoom: 12 }) });
      await dashboard.page.locator('.list-count strong', { hasText: /^\d,\d{3}$/ }).waitFor({ timeout: 40_000 });
      for (let n = 0; n < 6; n++) {
        await move();
        await sleep(400);
      }
      await dashboard.shoot('thousands');
      const inside = await driversIn(server, dashboard.bbox());
      await dashboard.page
        .locator('.list-count strong', { hasText: new RegExp(`^${inside.length.toLocaleString('en-US')}$`) })
        .waitFor(patience);
      await dashboard.page.getByRole('searchbox').fill('driver-4999');
      await dashboard.page.keyboard.press('Enter');
      await dashboard.page.getByRole('article', { name: 'Driver driver-4999' }).waitFor(patience);
      expect(dashboard.complaints).toEqual([]);
    },
    120_000,
  );

  slowTest('on a phone a tap on a driver brings its details up', async () => {
    const server = await startWithMap();
    await server.post('/v1/positions', { positions: fleet(40, HERE, 0.04) });
    const dashboard = await openDashboard(browser, server, { hash: at(HERE), viewport: PHONE });
    await dashboard.status('Live');
    await dashboard.shoot('live');
    const inside = await driversIn(server, dashboard.bbox());
    // One that the sheet will come over.
    const isBelow = ([x, y]: number[]) => x > 20 && x < 370 && y > 450 && y < 700;
    const [driver, other] = inside.filter((one) => isBelow(dashboard.pixelOf(one)));
    await expect
      .poll(async () => {
        await dashboard.page.mouse.click(...dashboard.pixelOf(driver));
        return dashboard.page.getByRole('article').getAttribute('aria-label', { timeout: 500 });
      }, patience)
      .toBe(`Driver ${driver.driverId}`);
    /** It is not hidden behind what came up. */
    const expectSeen = (one: Message) =>
      expect
        .poll(async () => {
          const [x, y] = dashboard.pixelOf(one);
          const top = (await dashboard.page.locator('.panel').boundingBox())?.y ?? 0;
          return x > 0 && x < 390 && y > 0 && y < top ? 'seen' : { x, y, top };
        }, patience)
        .toBe('seen');
    await expectSeen(driver);
    await dashboard.shoot('details');
    await dashboard.page.getByRole('searchbox').fill(other.driverId);
    await dashboard.page.keyboard.press('Enter');
    await dashboard.page.getByRole('article', { name: `Driver ${other.driverId}`, exact: true }).waitFor();
    await expectSeen(other);
    await dashboard.button('Follow').click();
    const next = { ...other, latitude: other.latitude + 0.004, timestamp: Date.now() };
    await server.post('/v1/positions', next);
    await expectSeen(next);
    await dashboard.button('All drivers').click();
    await dashboard.shoot('list');
    const boxOf = async (selector: string) => (await dashboard.page.locator(selector).boundingBox()) as Message;
    const toolbar = await boxOf('.toolbar');
    expect(toolbar.y + toolbar.height).toBeLessThanOrEqual((await boxOf('.panel')).y);
    // A tool makes room for itself, and what it covers is not what it is used on.
    await dashboard.button('Replay').click();
    await expect.poll(() => dashboard.page.getByRole('searchbox').isVisible()).toBe(false);
    await dashboard.shoot('tool');
    await dashboard.button('Replay').click();
    await dashboard.button('Show the drivers').click();
    await dashboard.button('Show less').click();
    expect(await dashboard.page.getByRole('searchbox').isVisible()).toBe(false);
    expect(dashboard.complaints).toEqual([]);
  });
});
