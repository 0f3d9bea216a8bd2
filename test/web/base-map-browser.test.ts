import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, vi } from 'vitest';
import type { Message } from '../support/belief.ts';
import { findChromium, startMapChromium } from '../support/browser.ts';
import { describeWith } from '../support/services.ts';
import { slowTest } from '../support/slow.ts';
import { serveMapPage } from './map-page.ts';
import { COLOURS, SQUARE, serveStyles } from './style-server.ts';

// Scripts of pages run in the browser: what they use is there, not here.
declare const window: Message;
declare const navigator: Message;
declare const document: Message;
declare const getComputedStyle: Message;

const WIDTH = 1000;
const HEIGHT = 700;
type Place = [lng: number, lat: number];
type Rgb = [number, number, number];

interface View {
  center: Place;
  zoom: number;
  theme?: 'light' | 'dark';
  mapStyle?: { light: string; dark: string } | null;
}

/** Where Web Mercator has a place on a map that looks at a centre, pixels from the upper left corner. */
function pixelOf([lng, lat]: Place, { center, zoom }: View): [x: number, y: number] {
  const world = 512 * 2 ** zoom;
  const south = (degrees: number) => 0.5 - Math.atanh(Math.sin((degrees * Math.PI) / 180)) / (2 * Math.PI);
  return [WIDTH / 2 + ((lng - center[0]) / 360) * world, HEIGHT / 2 + (south(lat) - south(center[1])) * world];
}

// Browsers that draw without a graphics card take their time on a machine that has other things to do.
vi.setConfig({ testTimeout: 180_000 });
afterAll(() => vi.resetConfig());

describeWith('Chromium', findChromium(), 'the base map', (executablePath) => {
  let browser: Browser;
  /** Those that the policy of the pages that are opened next lets in. */
  let origins: string[] = [];
  let server: Awaited<ReturnType<typeof serveMapPage>>;
  beforeAll(async () => {
    [browser, server] = await Promise.all([startMapChromium(executablePath), serveMapPage(() => origins)]);
  });
  afterAll(() => Promise.all([browser.close(), server.close()]));

  /** A page of the map's, without the map; it keeps what the browser complains of, and what it asks others for. */
  async function openPage(): Promise<{ page: Page; complaints: string[]; abroad: string[] }> {
    const context = await browser.newContext({ viewport: { width: WIDTH, height: HEIGHT } });
    onTestFinished(() => context.close());
    const page = await context.newPage();
    const complaints: string[] = [];
    const abroad: string[] = [];
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('request', (request) => {
      if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(server.url)) abroad.push(request.url());
    });
    await page.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }: Message) =>
        console.error(`violation of ${violatedDirective}: ${blockedURI}`),
      );
    });
    await page.goto(server.url);
    return { page, complaints, abroad };
  }

  /** Puts a map there. */
  async function showMap(page: Page, view: View): Promise<void> {
    await page.evaluate(
      (options) => {
        document.documentElement.dataset.theme = options.theme;
        window.base = new window.BaseMap({ ...options, container: document.getElementById('map') });
      },
      { theme: 'light', mapStyle: null, ...view },
    );
  }

  /** Until the map shows this, and has all of it; the outlines too, where it is the background. */
  async function shown(page: Page, what: 'style' | 'background'): Promise<void> {
    await page.waitForFunction((what) => window.base.shows.value === what, what);
    await page.waitForFunction((isBackground) => {
      const { map } = window.base;
      if (!map.loaded()) return false;
      // In a city there are no outlines.
      return !isBackground || map.getZoom() > 7.5 || map.queryRenderedFeatures({ layers: ['land'] }).length > 0;
    }, what === 'background');
  }

  /** The map's colours at some of its pixels. */
  function coloursAt(page: Page, pixels: [x: number, y: number][]): Promise<Rgb[]> {
    return page.evaluate(
      (pixels) =>
        new Promise<Rgb[]>((resolve) => {
          const { map } = window.base;
          map.once('render', () => {
            const gl = map.getCanvas().getContext('webgl2');
            const { drawingBufferWidth: width, drawingBufferHeight: height } = gl;
            const all = new Uint8Array(4 * width * height);
            gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, all);
            // Its rows are from the bottom up.
            const start = ([x, y]: number[]) => 4 * ((height - 1 - Math.floor(y)) * width + Math.floor(x));
            resolve(pixels.map((pixel) => [...all.subarray(start(pixel), start(pixel) + 3)] as Rgb));
          });
          map.triggerRepaint();
        }),
      pixels,
    );
  }

  const isBlue = ([red, , blue]: Rgb) => blue - red >= 8;
  const isDark = (colour: Rgb) => Math.max(...colour) < 80;

  slowTest('without a style it asks nobody, and draws land, water and a grid, light and dark', async () => {
    const { page, complaints, abroad } = await openPage();
    const view: View = { center: [10, 48], zoom: 4 };
    await showMap(page, view);
    await shown(page, 'background');
    const at = (...places: Place[]) =>
      coloursAt(
        page,
        places.map((place) => pixelOf(place, view)),
      );
    const [poland, bay, meridian, equalLand] = await at([17.5, 52.3], [-6, 46.5], [20, 52.3], [22.5, 52.3]);
    expect(isBlue(bay)).toBe(true);
    expect(isBlue(poland)).toBe(false);
    expect(isDark(poland)).toBe(false);
    expect(equalLand).toEqual(poland);
    // 20° E is a multiple of any step of that view.
    expect(meridian).not.toEqual(poland);
    expect(await page.locator('.map-grid-labels').innerText()).toMatch(/10° E.*50° N/s);
    expect(await page.locator('.maplibregl-ctrl-attrib').innerText()).toContain('Natural Earth');
    expect(await page.locator('.maplibregl-ctrl-scale').innerText()).toMatch(/^\d+\u00a0km$/);
    await page.evaluate(() => window.base.setTheme('dark'));
    await shown(page, 'background');
    const [darkPoland, darkBay] = await at([17.5, 52.3], [-6, 46.5]);
    expect([darkPoland, darkBay].map(isDark)).toEqual([true, true]);
    expect(darkPoland).not.toEqual(darkBay);
    expect({ complaints, abroad }).toEqual({ complaints: [], abroad: [] });
  });

  slowTest('in a city it draws neither land nor water, as it knows neither, but a grid', async () => {
    const views: { center: Place; zoom: number }[] = [
      { center: [-73.984, 40.7549], zoom: 8 },
      { center: [2.1734, 41.3851], zoom: 8 },
      { center: [139.75, 35.68], zoom: 8 },
      { center: [151.2, -33.86], zoom: 8 },
      { center: [103.85, 1.29], zoom: 8 },
      { center: [103.85, 1.29], zoom: 12 },
      { center: [-73.984, 40.7549], zoom: 16 },
    ];
    const { page } = await openPage();
    await showMap(page, { ...views[0], zoom: 4 });
    await shown(page, 'background');
    // Every 37th pixel of two rows and two columns, off one another.
    const pixels: [number, number][] = [];
    for (let x = 5; x < WIDTH; x += 37) pixels.push([x, 211], [x, 503]);
    for (let y = 5; y < HEIGHT; y += 37) pixels.push([303, y], [711, y]);
    for (const { center, zoom } of views) {
      await page.evaluate((view) => window.base.map.jumpTo(view), { center, zoom });
      await shown(page, 'background');
      const colours = await coloursAt(page, pixels);
      const counts = new Map<string, number>();
      for (const colour of colours) counts.set(String(colour), (counts.get(String(colour)) ?? 0) + 1);
      const [[most, count], ...others] = [...counts].sort((a, b) => b[1] - a[1]);
      expect(isBlue(most.split(',').map(Number) as Rgb), `${center} ${zoom}`).toBe(false);
      expect(count / colours.length, `${center} ${zoom}: ${most}, then ${others.join(' ')}`).toBeGreaterThan(0.8);
      // A line may be hit, or lines that cross: no other areas are there.
      expect(others.length).toBeLessThanOrEqual(4);
      expect(await page.locator('.map-grid-labels span').count()).toBeGreaterThanOrEqual(6);
      expect(await page.locator('.map-grid-labels span').count()).toBeLessThanOrEqual(24);
    }
  });

  slowTest('a style of another origin takes the place of the background, and overlays outlive it', async () => {
    const styles = await serveStyles();
    onTestFinished(() => styles.close());
    origins = [styles.origin];
    const { page, complaints, abroad } = await openPage();
    const view: View = {
      center: [2.5, 41.5],
      zoom: 7,
      mapStyle: { light: `${styles.origin}/light.json`, dark: `${styles.origin}/dark.json` },
    };
    await showMap(page, view);
    await page.evaluate(() => {
      const { base, Overlay } = window;
      const ring = [
        [3.5, 41],
        [4, 41],
        [4, 42],
        [3.5, 42],
        [3.5, 41],
      ];
      const overlay = new Overlay(base, 'own', (theme: string) => [
        { id: 'own-fill', type: 'fill', paint: { 'fill-color': theme === 'light' ? '#0000ff' : '#00ffff' } },
        { id: 'own-text', type: 'symbol', layout: { 'text-field': 'own' } },
      ]);
      overlay.set({ type: 'Polygon', coordinates: [ring] });
      // As the drivers' layer does it.
      base.onStyle((map: Message) =>
        map.addLayer({ id: 'drivers', type: 'custom', render() {} }, window.ABOVE_DRIVERS),
      );
    });
    await shown(page, 'style');
    const places: [x: number, y: number][] = [
      pixelOf([1.5, 41.5], view),
      pixelOf([(SQUARE.west + SQUARE.east) / 2, (SQUARE.south + SQUARE.north) / 2], view),
      pixelOf([3.6, 41.3], view),
    ];
    expect(await coloursAt(page, places)).toEqual([COLOURS.light.tile, COLOURS.light.square, [0, 0, 255]]);
    expect(await page.locator('.maplibregl-ctrl-attrib').innerText()).toContain('Made by a test');
    expect(await page.locator('.map-grid-labels span').count()).toBe(0);
    await page.evaluate(() => window.base.setTheme('dark'));
    await page.waitForFunction(() => window.base.map.getStyle()?.sources.tiles?.tiles[0].includes('/dark/'));
    await shown(page, 'style');
    expect(await coloursAt(page, places)).toEqual([COLOURS.dark.tile, COLOURS.dark.square, [0, 255, 255]]);
    const order = await page.evaluate(() => window.base.map.getLayersOrder());
    expect(order.filter((id: string) => !id.startsWith('nearcast-'))).toEqual([
      'tiles',
      'square',
      'own-fill',
      'drivers',
      'own-text',
    ]);
    expect(await page.evaluate(() => [window.base.map.getBearing(), window.base.map.getPitch()])).toEqual([0, 0]);
    expect(await page.evaluate(() => window.base.map.getCenter().lng)).toBeCloseTo(2.5, 9);
    expect(complaints).toEqual([]);
    expect(styles.asked.filter((path) => path.endsWith('k.json') || path.endsWith('t.json'))).toEqual([
      '/light.json',
      '/dark.json',
    ]);
    // No outlines were needed, and nobody else was asked.
    for (const url of abroad) expect(url.startsWith(styles.origin)).toBe(true);
    // In the west there are no tiles: the browser says that it got 404, and nothing else breaks.
    await page.evaluate(() => window.base.map.jumpTo({ center: [-60, 41.5] }));
    await page.waitForFunction(() => window.base.map.loaded());
    for (const complaint of complaints) expect(complaint).toMatch(/Failed to load resource.*404/);
    expect(await page.evaluate(() => window.base.shows.value)).toBe('style');
  });

  slowTest('a style that cannot be reached is asked for once in the session, and the background stays', async () => {
    const origin = await closedOrigin();
    origins = [origin];
    const { page, complaints, abroad } = await openPage();
    const view: View = {
      center: [10, 48],
      zoom: 4,
      mapStyle: { light: `${origin}/light.json`, dark: `${origin}/dark.json` },
    };
    await showMap(page, view);
    await shown(page, 'background');
    expect(isBlue((await coloursAt(page, [pixelOf([-6, 46.5], view)]))[0])).toBe(true);
    await page.evaluate(() => window.base.setTheme('dark'));
    await shown(page, 'background');
    await page.reload();
    await showMap(page, view);
    await shown(page, 'background');
    expect(abroad).toEqual([`${origin}/light.json`]);
    expect(complaints).toHaveLength(1);
    expect(complaints[0]).toContain('ERR_CONNECTION_REFUSED');
  });

  slowTest('what is no style, or one with faults, leaves the background', async () => {
    const styles = await serveStyles();
    onTestFinished(() => styles.close());
    origins = [styles.origin];
    for (const path of ['other.json', 'wrong.json', 'missing.json']) {
      const { page, complaints } = await openPage();
      const url = `${styles.origin}/${path}`;
      const view: View = { center: [10, 48], zoom: 4, mapStyle: { light: url, dark: url } };
      await showMap(page, view);
      await shown(page, 'background');
      expect(isBlue((await coloursAt(page, [pixelOf([-6, 46.5], view)]))[0]), path).toBe(true);
      expect(complaints.filter((complaint) => !/404/.test(complaint))).toEqual([]);
    }
  });

  slowTest('offline nobody is asked; back online the style comes', async () => {
    const styles = await serveStyles();
    onTestFinished(() => styles.close());
    origins = [styles.origin];
    const { page, abroad } = await openPage();
    // The machine has no network; its own server is there none the less.
    await page.evaluate(() => Object.defineProperty(navigator, 'onLine', { value: false, configurable: true }));
    const url = `${styles.origin}/light.json`;
    await showMap(page, { center: [2.5, 41.5], zoom: 7, mapStyle: { light: url, dark: url } });
    await shown(page, 'background');
    expect(abroad).toEqual([]);
    await page.evaluate(() => {
      Reflect.deleteProperty(navigator, 'onLine');
      window.dispatchEvent(new Event('online'));
    });
    await shown(page, 'style');
    expect(abroad[0]).toBe(url);
  });

  slowTest('keys move the map, with a ring around it, and turn it never', async () => {
    const { page } = await openPage();
    await showMap(page, { center: [179.5, -17], zoom: 6 });
    await shown(page, 'background');
    await page.keyboard.press('Tab');
    const canvas = page.getByRole('region', { name: 'Map of drivers' });
    expect(await canvas.evaluate((element) => document.activeElement === element)).toBe(true);
    expect(await canvas.evaluate((element) => getComputedStyle(element).outlineStyle)).toBe('solid');
    for (const key of ['Shift+ArrowRight', 'Shift+ArrowUp', 'ArrowRight']) {
      await page.keyboard.press(key);
      await page.waitForFunction(() => !window.base.map.isMoving());
    }
    await page.mouse.move(500, 350);
    await page.mouse.down({ button: 'right' });
    await page.mouse.move(600, 250);
    await page.mouse.up({ button: 'right' });
    const seen = await page.evaluate(() => {
      const { map } = window.base;
      return { bearing: map.getBearing(), pitch: map.getPitch(), lng: map.getCenter().lng, box: window.bboxOf(map) };
    });
    expect(seen).toMatchObject({ bearing: 0, pitch: 0 });
    // 100 pixels east, over the antimeridian.
    const degrees = 360 / (512 * 2 ** 6);
    const east = 179.5 + 100 * degrees;
    expect(seen.box[0]).toBeCloseTo(east - (WIDTH / 2) * degrees, 6);
    expect(seen.box[2]).toBeCloseTo(east + (WIDTH / 2) * degrees - 360, 6);
  });

  slowTest('zoomed out it shows the world once, and the whole of it is in the box', async () => {
    const { page } = await openPage();
    await showMap(page, { center: [150, 0], zoom: -2 });
    await shown(page, 'background');
    const [west, , east] = await page.evaluate(() => window.bboxOf(window.base.map));
    expect([west, east]).toEqual([-180, 180]);
    expect(await page.evaluate(() => window.base.map.getZoom())).toBeCloseTo(Math.log2(WIDTH / 512), 6);
  });

  slowTest('graphics that are lost and come back leave all where it was', async () => {
    const { page } = await openPage();
    const view: View = { center: [10, 48], zoom: 4 };
    await showMap(page, view);
    await page.evaluate(() => {
      window.added = 0;
      window.base.onStyle((map: Message) => {
        window.added++;
        map.addLayer({ id: 'drivers', type: 'custom', render() {} }, window.ABOVE_DRIVERS);
      });
    });
    await shown(page, 'background');
    await page.evaluate(
      () =>
        new Promise<void>((resolve) => {
          const { map } = window.base;
          const lost = map.getCanvas().getContext('webgl2').getExtension('WEBGL_lose_context');
          map.once('webglcontextlost', () => setTimeout(() => lost.restoreContext()));
          map.once('webglcontextrestored', () => resolve());
          lost.loseContext();
        }),
    );
    await page.waitForFunction(() => window.added === 2);
    await shown(page, 'background');
    expect(isBlue((await coloursAt(page, [pixelOf([-6, 46.5], view)]))[0])).toBe(true);
    expect(await page.evaluate(() => window.base.map.getLayer('drivers') !== undefined)).toBe(true);
  });
});

/** Where nobody listens. */
async function closedOrigin(): Promise<string> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `http://127.0.0.1:${port}`;
}
