import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, vi } from 'vitest';
import type { Message } from '../support/belief.ts';
import { findChromium, startMapChromium } from '../support/browser.ts';
import { destination, trueDistance } from '../support/geodesic.ts';
import { seeded } from '../support/random.ts';
import { type TestServer, token } from '../support/server.ts';
import { describeWith } from '../support/services.ts';
import { slowTest } from '../support/slow.ts';
import { startWithHistory } from './phone.ts';

const WIDTH = 1000;
const HEIGHT = 700;
const VIEW = { lat: 40.75, lng: -73.98, zoom: 14 };
const PATIENCE = { timeout: 30_000 };
const TIME = 120_000;

type Place = { lat: number; lng: number };
type Pixel = { x: number; y: number };

/** Where Web Mercator has a pixel of a map that looks at the middle of the page. */
function placeOf({ x, y }: Pixel): Place {
  const world = 512 * 2 ** VIEW.zoom;
  const south = 0.5 - Math.atanh(Math.sin((VIEW.lat * Math.PI) / 180)) / (2 * Math.PI) + (y - HEIGHT / 2) / world;
  const lat = (Math.asin(Math.tanh((0.5 - south) * 2 * Math.PI)) * 180) / Math.PI;
  return { lat, lng: VIEW.lng + ((x - WIDTH / 2) / world) * 360 };
}

/** Which side of a line a place is on. */
const side = (a: Place, b: Place, p: Place) => (b.lng - a.lng) * (p.lat - a.lat) - (b.lat - a.lat) * (p.lng - a.lng);

/** A page that is closed when the test is over, and what the browser complains of. */
async function open(browser: Browser, url: string): Promise<{ page: Page; sent: Message[]; complaints: string[] }> {
  const context = await browser.newContext({ viewport: { width: WIDTH, height: HEIGHT } });
  onTestFinished(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE.timeout);
  const sent: Message[] = [];
  const complaints: string[] = [];
  page.on('websocket', (socket) => {
    socket.on('framesent', ({ payload }) => {
      const message = JSON.parse(String(payload));
      if (message.type === 'subscribe' || message.type === 'update') sent.push(message);
    });
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  await page.goto(url);
  return { page, sent, complaints };
}

/** Drivers at random in what the page shows, and some where they are to be, and who they are. */
async function fleet(
  server: TestServer,
  seed: string,
  count: number,
  sure: readonly Pixel[],
): Promise<Map<string, Place>> {
  const random = seeded(seed);
  const [northWest, southEast] = [placeOf({ x: 10, y: 10 }), placeOf({ x: WIDTH - 10, y: HEIGHT - 10 })];
  const places = new Map<string, Place>();
  for (let n = 0; n < count; n++) {
    const lat = random.between(southEast.lat, northWest.lat);
    places.set(`driver-${n}`, { lat, lng: random.between(northWest.lng, southEast.lng) });
  }
  for (const [n, pixel] of sure.entries()) places.set(`sure-${n}`, placeOf(pixel));
  const positions = [...places].map(([driverId, { lat, lng }]) => ({ driverId, latitude: lat, longitude: lng }));
  expect((await server.post('/v1/positions', { positions })).status).toBe(200);
  return places;
}

const listed = async (page: Page) => (await page.locator('.drivers .row-id').allTextContents()).sort();

describeWith('Chromium', findChromium(), 'the tools of the dashboard', (executablePath) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startMapChromium(executablePath);
  });
  afterAll(() => browser.close());

  const start = async (seed: string, count: number, sure: readonly Pixel[] = []) => {
    const server = await startWithHistory({ MAP_STYLE_URL: 'none' });
    const places = await fleet(server, seed, count, sure);
    const hash = `#token=${token()}&at=${VIEW.lat},${VIEW.lng},${VIEW.zoom}`;
    const opened = await open(browser, `http://127.0.0.1:${server.port}/${hash}`);
    await vi.waitUntil(async () => (await listed(opened.page)).length === places.size, PATIENCE);
    const button = (name: string) => opened.page.getByRole('button', { name, exact: true });
    return { server, places, ...opened, button };
  };

  slowTest('a drawn circle is watched alone, and who comes and goes there is logged', { timeout: TIME }, async () => {
    const [centre, rim] = [
      { x: 560, y: 340 },
      { x: 700, y: 440 },
    ];
    const sure = [-90, 0, 90].map((dx) => ({ x: centre.x + dx, y: centre.y + 60 }));
    const { server, page, places, sent, complaints, button } = await start('a drawn circle', 40, sure);
    await button('Area').click();
    await button('Circle').click();
    await page.mouse.click(centre.x, centre.y);
    await page.mouse.move(rim.x, rim.y, { steps: 3 });
    await page.mouse.click(rim.x, rim.y);
    await vi.waitUntil(() => sent.at(-1)?.radius !== undefined, PATIENCE);
    const { latitude, longitude, radius } = sent.at(-1) as Message;
    const [middle, edge] = [placeOf(centre), placeOf(rim)];
    // Links say degrees to a decimetre, and metres whole.
    expect(trueDistance(latitude, longitude, middle.lat, middle.lng)).toBeLessThan(0.2);
    expect(Math.abs(radius - trueDistance(middle.lat, middle.lng, edge.lat, edge.lng))).toBeLessThan(1);
    expect(sent.filter(({ type }) => type === 'subscribe')).toHaveLength(1);
    const asked = `/v1/drivers?latitude=${latitude}&longitude=${longitude}&radius=${radius}`;
    const inside = async () => {
      const { drivers } = await (await server.get(asked)).json();
      return drivers.map(({ driverId }: Message) => driverId).sort();
    };
    const atStart = await inside();
    expect(atStart.length).toBeGreaterThan(2);
    await expect.poll(() => listed(page), PATIENCE).toEqual(atStart);
    await page.getByText('Nobody has come or gone yet.').waitFor();

    const log = async () => {
      const rows = await page.locator('.area-log .row').allInnerTexts();
      return rows.map((row) => row.split(/\s*\n\s*/).slice(1));
    };
    const place = async (driverId: string, azimuth: number, metres: number) => {
      const [lat, lng] = destination([latitude, longitude], azimuth, metres);
      await server.post('/v1/positions', { driverId, latitude: lat, longitude: lng });
    };
    await place('visitor', 30, radius - 5);
    await expect.poll(log, PATIENCE).toEqual([['visitor', 'entered']]);
    await place('visitor', 40, radius - 8);
    await place('visitor', 40, radius + 8);
    await expect.poll(log, PATIENCE).toEqual([
      ['visitor', 'left'],
      ['visitor', 'entered'],
    ]);
    await expect.poll(() => listed(page), PATIENCE).toEqual(await inside());
    await page.getByText('1 entered · 1 left').waitFor();

    // The link has it, and a page that is opened by it is the same.
    const hash = new URL(page.url()).hash;
    expect(hash).toContain(`area=circle:${latitude},${longitude},${radius}`);
    const link = `http://127.0.0.1:${server.port}/${hash}&token=${token()}`;
    const again = await open(browser, link);
    await expect.poll(() => listed(again.page), PATIENCE).toEqual(atStart);

    await button('Back to the view').click();
    await expect.poll(async () => (await listed(page)).length, PATIENCE).toBe(places.size + 1);
    await page.keyboard.press('Escape');
    expect(await page.evaluate(() => document.activeElement.getAttribute('aria-label'))).toBe('Area');
    expect([complaints, again.complaints]).toEqual([[], []]);
  });

  slowTest('a polygon is drawn by keys alone', { timeout: TIME }, async () => {
    const { page, places, sent, complaints, button } = await start('a polygon by keys', 95, [
      { x: WIDTH / 2 + 240, y: HEIGHT / 2 + 60 },
    ]);
    const { keyboard } = page;
    const middle = () => {
      const [lat, lng] = (new URLSearchParams(new URL(page.url()).hash.slice(1)).get('at') as string).split(',');
      return { lat: Number(lat), lng: Number(lng) };
    };
    /** Moves the map until it rests elsewhere. */
    const pan = async (...keys: string[]) => {
      for (const key of keys) {
        const before = page.url();
        await keyboard.press(key);
        await vi.waitUntil(() => page.url() !== before, PATIENCE);
      }
    };
    await button('Area').focus();
    await keyboard.press('Enter');
    await button('Polygon').focus();
    await keyboard.press('Enter');
    const corners: Place[] = [];
    const choose = async () => {
      await keyboard.press('Enter');
      corners.push(middle());
    };
    await choose();
    await pan('ArrowRight', 'ArrowRight', 'ArrowRight');
    await choose();
    await pan('ArrowDown', 'ArrowDown', 'ArrowDown');
    await choose();
    // One corner too many is taken back; the same place twice closes it.
    await pan('ArrowRight');
    await keyboard.press('Enter');
    await keyboard.press('Backspace');
    await pan('ArrowLeft');
    await keyboard.press('Enter');
    await vi.waitUntil(() => sent.at(-1)?.polygon !== undefined, PATIENCE);
    const [ring] = (sent.at(-1) as Message).polygon.coordinates as [number, number][][];
    expect(ring).toHaveLength(4);
    for (const [index, { lat, lng }] of [...corners, corners[0]].entries()) {
      expect(trueDistance(lat, lng, ring[index][1], ring[index][0])).toBeLessThan(2);
    }
    const inside = [...places].filter(([, place]) => {
      const sides = [0, 1, 2].map((n) => {
        const [a, b] = [ring[n], ring[n + 1]].map(([lng, lat]) => ({ lat, lng }));
        return Math.sign(side(a, b, place));
      });
      return new Set(sides).size === 1;
    });
    expect(inside.length).toBeGreaterThan(0);
    await expect.poll(() => listed(page), PATIENCE).toEqual(inside.map(([driverId]) => driverId).sort());
    expect(complaints).toEqual([]);
  });

  slowTest('who is nearest is as REST tells', { timeout: TIME }, async () => {
    const { server, page, complaints, button } = await start('the nearest', 40);
    await button('Nearest').click();
    const point = { x: 520, y: 300 };
    await page.mouse.click(point.x, point.y);
    const { lat, lng } = placeOf(point);
    const told = async (limit: number) => {
      const query = `latitude=${lat.toFixed(6)}&longitude=${lng.toFixed(6)}&radius=5000&limit=${limit}`;
      const { drivers } = await (await server.get(`/v1/drivers/nearby?${query}`)).json();
      return drivers.map(({ driverId, distance }: Message) => [
        driverId,
        distance < 1000 ? `${Math.round(distance)} m` : `${(distance / 1000).toFixed(1)} km`,
      ]);
    };
    const shown = async () => {
      const rows = await page.locator('.nearest-list .row').allInnerTexts();
      return rows.map((row) => row.split(/\s*\n\s*|\s·\s/).slice(0, 2));
    };
    await expect.poll(shown, PATIENCE).toEqual(await told(5));
    await page.getByLabel('How many').fill('12');
    await expect.poll(shown, PATIENCE).toEqual(await told(12));
    // It is asked again by itself.
    await server.post('/v1/positions', { driverId: 'new', latitude: lat, longitude: lng });
    await expect.poll(async () => (await shown())[0], PATIENCE).toEqual(['new', '0 m']);
    expect(complaints).toEqual([]);
  });

  slowTest('a guest’s link shows one driver alone, until it is ended', { timeout: TIME }, async () => {
    const { page, complaints, button } = await start('a guest', 12);
    await page.locator('.drivers .row', { hasText: /^driver-7/ }).click();
    await button('Share').click();
    const view = page.getByLabel('Link to this view');
    expect(await view.inputValue()).not.toContain('token');
    await button('Make a guest’s link').click();
    const link = await page.getByLabel('Guest’s link to driver-7').inputValue();
    expect(link).toContain('#token=share_');
    const guest = await open(browser, link);
    await expect.poll(() => guest.page.locator('.details-id').textContent(), PATIENCE).toBe('driver-7');
    await guest.page.getByRole('button', { name: 'All drivers' }).click();
    // Whoever else there is in the whole of the view is nobody to a guest.
    await expect.poll(() => listed(guest.page), PATIENCE).toEqual(['driver-7']);
    await vi.waitUntil(() => guest.sent.some(({ bbox }) => bbox !== undefined), PATIENCE);
    expect([complaints, guest.complaints]).toEqual([[], []]);
    await button('End the link to driver-7').click();
    await guest.page.getByText('This guest’s link has ended, was taken back, or never was.').waitFor();
  });
});

// Scripts of pages run in the browser: what they use is there, not here.
declare const document: Message;
