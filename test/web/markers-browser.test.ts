import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, vi } from 'vitest';
import { serveStage } from '../../bench/dashboard/stage.ts';
import type { Position } from '../../src/client/index.ts';
import { PALETTE } from '../../src/web/map/palette.ts';
import { findChromium, startMapChromium } from '../support/browser.ts';
import { type Random, seeded } from '../support/random.ts';
import { describeWith } from '../support/services.ts';
import { slowTest } from '../support/slow.ts';

// Scripts of pages run in the browser: what they use is there, not here.
// biome-ignore lint/suspicious/noExplicitAny: the page's own, of types that Node does not have
declare const window: any;
// biome-ignore lint/suspicious/noExplicitAny: the same
declare const stage: any;

const [WIDTH, HEIGHT] = [800, 600];
const NOW = 1_763_766_000_000;
const BACKGROUND = [233, 235, 232];

interface Spot {
  readonly x: number;
  readonly y: number;
}

interface View {
  readonly lat: number;
  readonly lng: number;
  readonly zoom: number;
}

/** The place that Web Mercator has at a point of the canvas. */
function placeAt({ lat, lng, zoom }: View, { x, y }: Spot): { latitude: number; longitude: number } {
  const world = 512 * 2 ** zoom;
  const east = ((lng + 180) / 360) * world + x - WIDTH / 2;
  const phi = (lat * Math.PI) / 180;
  const north = (Math.log(Math.tan(phi) + 1 / Math.cos(phi)) / (2 * Math.PI)) * world - y + HEIGHT / 2;
  const longitude = (((east / world) % 1) + 1) % 1;
  return {
    latitude: (Math.atan(Math.sinh((2 * Math.PI * north) / world)) * 180) / Math.PI,
    longitude: longitude * 360 - 180,
  };
}

/** Points that stand apart from each other, and from the edge. */
function apart(random: Random): Spot[] {
  const spots: Spot[] = [];
  for (let x = 60; x < WIDTH - 40; x += 80) {
    for (let y = 60; y < HEIGHT - 40; y += 80) {
      spots.push({ x: x + random.between(-15, 15), y: y + random.between(-15, 15) });
    }
  }
  return spots;
}

function positionAt(view: View, spot: Spot, id: string, more: Partial<Position> = {}): Position {
  return { driverId: id, ...placeAt(view, spot), timestamp: NOW, receivedAt: NOW, ...more };
}

function rgb(hex: string): number[] {
  return [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
}

function isColour([r, g, b]: readonly number[], colour: readonly number[], tolerance = 3): boolean {
  return Math.max(Math.abs(r - colour[0]), Math.abs(g - colour[1]), Math.abs(b - colour[2])) <= tolerance;
}

function moved({ x, y }: Spot, dx: number, dy: number): Spot {
  return { x: x + dx, y: y + dy };
}

// Browsers that draw without a graphics card take their time on a machine that has other things to do.
vi.setConfig({ testTimeout: 180_000 });
afterAll(() => vi.resetConfig());

describeWith('Chromium', findChromium(), 'drivers drawn by the map', (path) => {
  let browser: Browser;
  let server: Awaited<ReturnType<typeof serveStage>>;
  beforeAll(async () => {
    [server, browser] = await Promise.all([serveStage(), startMapChromium(path)]);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  /** A page with a map and the clock at NOW. */
  async function open(view: View, deviceScaleFactor = 1, reducedMotion?: 'reduce'): Promise<Page> {
    const page = await browser.newPage({
      viewport: { width: WIDTH, height: HEIGHT },
      deviceScaleFactor,
      reducedMotion,
    });
    const faults: string[] = [];
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
    onTestFinished(async () => {
      await page.close();
      expect(faults).toEqual([]);
    });
    await page.goto(server.url);
    await page.waitForFunction(() => window.Stage !== undefined);
    await page.evaluate(
      async ([{ lat, lng, zoom }, now]) => {
        window.stage = new window.Stage([lng, lat], zoom, 'light');
        stage.setClock(now);
        await new Promise((resolve) => stage.map.once('load', resolve));
      },
      [view, NOW] as const,
    );
    return page;
  }

  function put(page: Page, positions: readonly Position[], now = NOW): Promise<void> {
    return page.evaluate(
      ([all, time]) => {
        stage.setClock(time);
        for (const [i, position] of all.entries()) stage.markers.put(position, i % 8);
      },
      [positions, now] as const,
    );
  }

  function pixels(page: Page, spots: readonly Spot[]): Promise<number[][]> {
    return page.evaluate((points) => stage.pixels(points), spots);
  }

  function found(page: Page, spots: readonly Spot[], reach: number): Promise<(string | undefined)[]> {
    return page.evaluate(([points, within]) => points.map((point) => stage.markers.at(point, within)), [
      spots,
      reach,
    ] as const);
  }

  const views: [string, View, number][] = [
    ['a city', { lat: 40.7549, lng: -73.984, zoom: 14.3 }, 1],
    ['a street corner of the finest screen', { lat: -33.8688, lng: 151.2093, zoom: 20 }, 2],
    ['the antimeridian', { lat: -17.5, lng: -179.98, zoom: 11 }, 1],
    ['a continent', { lat: 50, lng: 12, zoom: 4.5 }, 1.5],
  ];
  for (const [name, view, ratio] of views) {
    slowTest(`stand where Web Mercator has them, are found there, and point where they head to: ${name}`, async () => {
      const page = await open(view, ratio);
      const spots = apart(seeded(`markers, ${name}`));
      const headed = spots.map((_, i) => i % 2 === 0);
      await put(
        page,
        spots.map((spot, i) => positionAt(view, spot, `d${i}`, headed[i] ? { heading: 90 } : {})),
      );
      const middles = await pixels(page, spots);
      // From 9 pixels across when the whole world is seen to 24: that far outside, none reaches.
      const right = await pixels(
        page,
        spots.map((spot) => moved(spot, 26, 0)),
      );
      // Just beyond the round end: only a point is there.
      const radius =
        0.36 * (view.zoom < 10 ? 14 - Math.min(5, 10 - view.zoom) : 14 + (10 * Math.min(6, view.zoom - 10)) / 6);
      const ahead = await pixels(
        page,
        spots.map((spot) => moved(spot, 1.05 * radius, 0)),
      );
      const behind = await pixels(
        page,
        spots.map((spot) => moved(spot, -1.05 * radius, 0)),
      );
      for (const [i] of spots.entries()) {
        const colour = rgb(PALETTE[i % 8]);
        expect(isColour(middles[i], colour), `d${i} is ${middles[i]}, not ${colour}`).toBe(true);
        expect(isColour(right[i], BACKGROUND)).toBe(true);
        expect(isColour(ahead[i], colour, 40)).toBe(headed[i]);
        expect(isColour(behind[i], colour, 40)).toBe(false);
      }
      expect(await found(page, spots, 2)).toEqual(spots.map((_, i) => `d${i}`));
      expect(
        await found(
          page,
          spots.map((spot) => moved(spot, 5, -5)),
          8,
        ),
      ).toEqual(spots.map((_, i) => `d${i}`));
      expect(
        await found(
          page,
          spots.map((spot) => moved(spot, 5, -5)),
          6,
        ),
      ).toEqual(spots.map(() => undefined));
      const drawn = await page.evaluate(() => stage.markers.drawn('d7'));
      const place = placeAt(view, spots[7]);
      expect(drawn).toEqual({
        lat: expect.closeTo(place.latitude, 6),
        lng: expect.closeTo(place.longitude, 6),
        heading: undefined,
      });
    });
  }

  const [[, city]] = views;

  slowTest('who is silent is grey, a ghost is hollow, and who is gone is not there', async () => {
    const page = await open(city);
    const [live, silent, ghost, gone, edge] = apart(seeded('markers, silent'));
    const spots = [live, silent, ghost, gone, edge];
    const ids = ['live', 'silent', 'ghost', 'gone', 'edge'];
    const ages = [0, 71_000, 0, 0, 59_000];
    await put(
      page,
      spots.map((spot, i) => positionAt(city, spot, ids[i], { receivedAt: NOW - ages[i] })),
    );
    await page.evaluate(() => {
      stage.markers.ghost('ghost');
      stage.markers.remove('gone');
    });
    const seen = await pixels(page, spots);
    const saturation = ([r, g, b]: number[]) => Math.max(r, g, b) - Math.min(r, g, b);
    expect(saturation(seen[0])).toBeGreaterThan(100);
    expect(saturation(seen[1])).toBeLessThan(30);
    expect(seen[1][0]).toBeLessThan(180);
    expect(seen[2].slice(0, 3).every((value, i) => value >= BACKGROUND[i])).toBe(true);
    expect(isColour(seen[3], BACKGROUND)).toBe(true);
    expect(saturation(seen[4])).toBeGreaterThan(60);
    expect(await page.evaluate(() => stage.markers.size)).toBe(4);
    expect(await found(page, spots, 5)).toEqual(['live', 'silent', 'ghost', undefined, 'edge']);
    // By the clock alone, nothing being told: within two looks at it.
    await page.evaluate((now) => {
      stage.setClock(now);
      return new Promise((resolve) => stage.map.once('render', resolve));
    }, NOW + 20_000);
    expect(saturation((await pixels(page, [edge]))[0])).toBeLessThan(30);
  });

  slowTest(
    'one who moves glides there, by the clock that was given, and back at once when that is wound back',
    async () => {
      const page = await open(city);
      const [from, to] = [
        { x: 200, y: 300 },
        { x: 300, y: 340 },
      ];
      const halfway = { x: 250, y: 320 };
      await put(page, [positionAt(city, from, 'a')]);
      await put(page, [positionAt(city, to, 'a', { receivedAt: NOW + 2000, heading: 45 })], NOW + 2000);
      const where = async (now: number) => {
        await page.evaluate((time) => stage.setClock(time), now);
        const seen = await pixels(page, [from, halfway, to]);
        const ids = await found(page, [from, halfway, to], 2);
        expect(ids).toEqual(seen.map((pixel) => (isColour(pixel, rgb(PALETTE[0])) ? 'a' : undefined)));
        return ids.indexOf('a');
      };
      expect(await where(NOW + 2000)).toBe(0);
      expect(await where(NOW + 3100)).toBe(1);
      expect(await where(NOW + 4200)).toBe(2);
      expect(await where(NOW + 3100)).toBe(1);
      expect(await where(NOW - 60_000)).toBe(2);
      await put(page, [positionAt(city, from, 'a', { receivedAt: NOW - 60_000 })], NOW - 60_000);
      expect(await where(NOW - 60_000)).toBe(0);
    },
  );

  slowTest('who prefers less motion sees them in the new place at once', async () => {
    const page = await open(city, 1, 'reduce');
    const [from, to] = [
      { x: 200, y: 300 },
      { x: 300, y: 340 },
    ];
    await put(page, [positionAt(city, from, 'a')]);
    await put(page, [positionAt(city, to, 'a', { receivedAt: NOW + 2000 })], NOW + 2000);
    await pixels(page, [to]);
    expect(await found(page, [from, to], 2)).toEqual([undefined, 'a']);
  });

  slowTest('the selected one has a halo and is on top', async () => {
    const page = await open(city);
    const spot = { x: 300, y: 300 };
    await put(page, [positionAt(city, spot, 'a'), positionAt(city, moved(spot, 3, 0), 'b')]);
    expect(isColour((await pixels(page, [spot]))[0], rgb(PALETTE[1]))).toBe(true);
    await page.evaluate(() => stage.markers.select('a'));
    const [middle, around] = await pixels(page, [spot, moved(spot, 0, 14)]);
    expect(isColour(middle, rgb(PALETTE[0]))).toBe(true);
    expect(around[2] - around[0]).toBeGreaterThan(20);
    await page.evaluate(() => stage.markers.select(undefined));
    expect(isColour((await pixels(page, [moved(spot, 0, 14)]))[0], BACKGROUND)).toBe(true);
  });

  slowTest('they come back after the context of WebGL was lost, and after another style', async () => {
    const page = await open(city);
    const spot = { x: 300, y: 300 };
    const other = { x: 500, y: 200 };
    await put(page, [positionAt(city, spot, 'a')]);
    await pixels(page, [spot]);
    await page.evaluate(() => stage.loseContext());
    expect(isColour((await pixels(page, [spot]))[0], rgb(PALETTE[0]))).toBe(true);
    await page.evaluate(async () => {
      const styled = new Promise((resolve) => stage.map.once('style.load', resolve));
      stage.map.setStyle(
        { version: 8, sources: {}, layers: [{ id: 'b', type: 'background', paint: { 'background-color': '#000' } }] },
        { diff: false },
      );
      await styled;
    });
    await put(page, [positionAt(city, other, 'b'), positionAt(city, moved(other, 40, 0), 'c')]);
    const seen = await pixels(page, [spot, other, moved(other, 40, 0), moved(other, 80, 0)]);
    expect(seen.map(([r, g, b]) => [r, g, b])).toEqual([rgb(PALETTE[0]), rgb(PALETTE[0]), rgb(PALETTE[1]), [0, 0, 0]]);
  });

  slowTest('a map on which nothing moves is not drawn again and again', async () => {
    const page = await open(city);
    await page.evaluate(() => stage.setClock(undefined));
    const now = await page.evaluate(() => Date.now());
    await page.evaluate(
      ([position, time]) => stage.markers.put({ ...position, receivedAt: time, timestamp: time }, 0),
      [positionAt(city, { x: 300, y: 300 }, 'a'), now] as const,
    );
    const frames = await page.evaluate(async () => {
      await stage.frame();
      let count = 0;
      stage.map.on('render', () => count++);
      await new Promise((resolve) => setTimeout(resolve, 1500));
      return count;
    });
    expect(frames).toBeLessThanOrEqual(2);
  });
});
