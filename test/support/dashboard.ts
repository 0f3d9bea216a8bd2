import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core';
import { expect, onTestFinished } from 'vitest';
import { MemoryStore } from '../../src/store/memory.ts';
import { MemoryReplays } from '../../src/store/memory-replays.ts';
import { MemoryTracks } from '../../src/store/memory-tracks.ts';
import type { Message } from './belief.ts';
import { type Picture, readPng } from './png.ts';
import { seeded } from './random.ts';
import { startServer, type TestServer, token } from './server.ts';

// Scripts of pages run in the browser: what they use is there, not here.
declare const document: Message;
declare const window: Message;

export const WIDE = { width: 1440, height: 900 };
export const PHONE = { width: 390, height: 844 };
export const patience = { timeout: 20_000 };

export const HERE = { lat: 40.7549, lng: -73.984, zoom: 13.5 };

/** A view as links say it. */
export const at = ({ lat, lng, zoom }: View) => `at=${lat},${lng},${zoom}`;

/** Drivers around a place, apart from each other so that each has pixels of its own. @param degrees how far from west to east */
export function fleet(count: number, { lat, lng }: Omit<View, 'zoom'> = HERE, degrees = 0.09): Message[] {
  const random = seeded('dashboard');
  const wide = Math.ceil(Math.sqrt(count));
  const statuses = ['available', 'busy', 'pickup'];
  return Array.from({ length: count }, (_, i) => {
    const east = ((i % wide) + random.between(0.2, 0.8)) / wide - 0.5;
    const north = (Math.floor(i / wide) + random.between(0.2, 0.8)) / wide - 0.5;
    return {
      driverId: `driver-${String(i).padStart(3, '0')}`,
      latitude: lat + north * degrees * 0.76,
      longitude: ((lng + east * degrees + 540) % 360) - 180,
      heading: random.between(0, 360),
      speed: random.between(0, 20),
      accuracy: 5,
      attributes: { status: statuses[i % 3], vehicle: i % 2 === 0 ? 'van' : 'car' },
    };
  });
}

/** Where a map looks. */
export interface View {
  readonly lat: number;
  readonly lng: number;
  readonly zoom: number;
}

type Place = { readonly latitude: number; readonly longitude: number };
type Bbox = readonly [west: number, south: number, east: number, north: number];

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** A server with its pages and a history, whose map is the bundled one. */
export function startWithMap(env: Record<string, string> = {}, now?: () => number): Promise<TestServer> {
  const store = new MemoryStore(undefined, 0);
  const history = { tracks: new MemoryTracks(store), replays: new MemoryReplays(store) };
  return startServer({ env: { MAP_STYLE_URL: 'none', ...env }, store, history, now });
}

/** Web Mercator's square, 0 … 1 from its upper left corner. */
function squareOf(lat: number, lng: number): [x: number, y: number] {
  return [lng / 360 + 0.5, 0.5 - Math.atanh(Math.sin((lat * Math.PI) / 180)) / (2 * Math.PI)];
}

/** Pixels that the square is wide at a zoom. */
const worldAt = (zoom: number) => 512 * 2 ** zoom;

/** Reads a view out of a hash. */
export function viewIn(url: string): View {
  const [lat, lng, zoom] = (/[#&]at=([^&]+)/.exec(url)?.[1] ?? '').split(',').map(Number);
  return { lat, lng, zoom };
}

/** The dashboard in a browser, and whatever it says and is told. */
export class DashboardPage {
  readonly page: Page;
  /** Errors and warnings, also of the page's policy; to be empty. */
  readonly complaints: string[] = [];
  /** Requests to anybody but the server. */
  readonly abroad: string[] = [];
  /** Messages over the WebSocket, but for those by which each side hears that the other is there. */
  readonly sent: Message[] = [];
  readonly heard: Message[] = [];
  readonly #size: { readonly width: number; readonly height: number };

  constructor(page: Page, origin: string, size: { width: number; height: number }) {
    this.page = page;
    this.#size = size;
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) this.complaints.push(message.text());
    });
    page.on('pageerror', (error) => this.complaints.push(String(error)));
    page.on('request', (request) => {
      if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(origin)) this.abroad.push(request.url());
    });
    page.on('websocket', (socket) => {
      socket.on('framesent', ({ payload }) => {
        const message = JSON.parse(String(payload));
        if (message.type !== 'ping') this.sent.push(message);
      });
      socket.on('framereceived', ({ payload }) => this.heard.push(JSON.parse(String(payload))));
    });
  }

  /** Where the map looks, as the address says it. */
  get view(): View {
    return viewIn(this.page.url());
  }

  /** Where Web Mercator has a place, CSS pixels. */
  pixelOf({ latitude, longitude }: Place, view = this.view): [x: number, y: number] {
    const [x, y] = squareOf(latitude, longitude);
    const [middleX, middleY] = squareOf(view.lat, view.lng);
    // By the shorter way round.
    const east = ((x - middleX + 1.5) % 1) - 0.5;
    const world = worldAt(view.zoom);
    return [this.#size.width / 2 + east * world, this.#size.height / 2 + (y - middleY) * world];
  }

  /** What a map of the page's size shows, by Web Mercator; west > east over the antimeridian. */
  bbox(view = this.view): Bbox {
    const [x, y] = squareOf(view.lat, view.lng);
    const [wide, high] = [this.#size.width, this.#size.height].map((pixels) => pixels / worldAt(view.zoom) / 2);
    const lng = (at: number) => ((((at % 1) + 1) % 1) - 0.5) * 360;
    const lat = (at: number) => (Math.asin(Math.tanh((0.5 - at) * 2 * Math.PI)) * 180) / Math.PI;
    return [lng(x - wide), lat(y + high), lng(x + wide), lat(y - high)];
  }

  /** Whether a bbox is that of the view, to some pixels: the address rounds. */
  isViewport(bbox: readonly number[], view = this.view, pixels = 4): boolean {
    const degrees = (360 / worldAt(view.zoom)) * pixels;
    return this.bbox(view).every((edge, i) => Math.abs(edge - bbox[i]) < degrees);
  }

  /** The ids in the list, in its order. */
  listed(): Promise<string[]> {
    return this.page.locator('.drivers .row-id').allTextContents();
  }

  button(name: string): Locator {
    return this.page.getByRole('button', { name, exact: true });
  }

  /** What the status says: Live, Reconnecting… */
  status(text: string, within = patience): Promise<void> {
    return this.page.locator('.status-text', { hasText: text }).waitFor(within);
  }

  /** Waits until those are listed whom REST lists in the view, and nobody else. @returns them */
  async expectSame(server: Pick<TestServer, 'get'>, filter = ''): Promise<Message[]> {
    let drivers: Message[] = [];
    await expect
      .poll(async () => {
        drivers = await driversIn(server, this.bbox(), filter);
        const told = drivers.map(({ driverId }) => driverId).sort();
        const shown = (await this.listed()).sort();
        return shown.join() === told.join() ? 'same' : { shown, told, url: this.page.url() };
      }, patience)
      .toBe('same');
    return drivers;
  }

  /**
   * Waits until the map has drawn a driver's colour where each of these is. Those under the panels, or under the grid's texts,
   * are left out. @returns who was looked at
   */
  async expectDrawn(drivers: readonly Message[], colourOf: (driver: Message) => Rgb, reach = 2): Promise<Message[]> {
    const pixels = drivers.map((driver) => this.pixelOf(driver));
    const free: boolean[] = await this.page.evaluate(
      ({ pixels, reach }) => {
        // A pointer goes through them, so that elementFromPoint does not find them.
        const texts = [...document.querySelectorAll('.map-grid-labels span')].map((text) =>
          text.getBoundingClientRect(),
        );
        return pixels.map(
          ([x, y]) =>
            document.elementFromPoint(x, y)?.classList.contains('maplibregl-canvas') === true &&
            texts.every(
              ({ left, right, top, bottom }) =>
                x < left - reach || x > right + reach || y < top - reach || y > bottom + reach,
            ),
        );
      },
      { pixels, reach },
    );
    const uncovered = drivers.filter((_, i) => free[i]);
    await expect
      .poll(async () => {
        const picture = await this.picture();
        return uncovered
          .filter((driver) => !hasColour(picture, this.pixelOf(driver), colourOf(driver), reach))
          .map(({ driverId }) => driverId);
      }, patience)
      .toEqual([]);
    return uncovered;
  }

  async picture(): Promise<Picture> {
    return readPng(await this.page.screenshot());
  }

  /** The colour that the legend has for a value. */
  async legendColour(value: string): Promise<Rgb> {
    const swatch = this.page.locator('.chip', { hasText: value }).locator('.swatch').first();
    const text = await swatch.evaluate((element: Message) => window.getComputedStyle(element).backgroundColor);
    return text.match(/\d+/g).slice(0, 3).map(Number) as Rgb;
  }

  /** Drags the map by so many pixels. */
  async drag(dx: number, dy: number): Promise<void> {
    const { mouse } = this.page;
    const [x, y] = [this.#size.width / 2 + 150, this.#size.height / 2];
    await mouse.move(x, y);
    await mouse.down();
    await mouse.move(x + dx, y + dy, { steps: 8 });
    // Held still, so that it does not glide on.
    await this.page.waitForTimeout(120);
    await mouse.up();
  }

  /** Expects axe to find nothing serious, in light and dark. */
  async expectAccessible(): Promise<void> {
    for (const colorScheme of ['light', 'dark'] as const) {
      await this.page.emulateMedia({ colorScheme });
      await expect
        .poll(() => this.page.evaluate(() => document.documentElement.dataset.theme), patience)
        .toBe(colorScheme);
      // A script tag would be refused by the page's policy.
      await this.page.evaluate(AXE);
      const { violations } = await this.page.evaluate(() => window.axe.run());
      const serious = violations.filter(({ impact }: Message) => impact === 'serious' || impact === 'critical');
      const told = serious.map(
        ({ id, nodes }: Message) =>
          `${colorScheme} ${id}: ${nodes.map((node: Message) => `${node.html} ${node.failureSummary}`)}`,
      );
      expect(told).toEqual([]);
    }
  }

  /** Keeps a picture of it for people, light and dark, where SCREENSHOTS names a directory. */
  async shoot(name: string): Promise<void> {
    const directory = process.env.SCREENSHOTS;
    if (directory === undefined) return;
    for (const colorScheme of ['light', 'dark'] as const) {
      await this.page.emulateMedia({ colorScheme });
      await this.page.waitForTimeout(2000);
      await this.page.screenshot({ path: join(directory, `${name}-${this.#size.width}-${colorScheme}.png`) });
    }
    await this.page.emulateMedia({ colorScheme: null });
  }
}

export type Rgb = readonly [red: number, green: number, blue: number];

/** Whether a picture has a colour within some pixels of a place: a marker is some pixels wide. */
export function hasColour(picture: Picture, [x, y]: readonly [number, number], colour: Rgb, reach = 2): boolean {
  for (let dx = -reach; dx <= reach; dx++) {
    for (let dy = -reach; dy <= reach; dy++) {
      const [px, py] = [Math.round(x) + dx, Math.round(y) + dy];
      if (px < 0 || py < 0 || px >= picture.width || py >= picture.height) continue;
      if (picture.at(px, py).every((channel, i) => Math.abs(channel - colour[i]) < 14)) return true;
    }
  }
  return false;
}

/** Whom REST lists in a box, all pages of it. */
export async function driversIn(server: Pick<TestServer, 'get'>, bbox: Bbox, filter = ''): Promise<Message[]> {
  const drivers: Message[] = [];
  let path: string | undefined = `/v1/drivers?bbox=${bbox.join()}&limit=1000${filter}`;
  while (path !== undefined) {
    const answer: Message = await (await server.get(path)).json();
    drivers.push(...answer.drivers);
    path = answer.next;
  }
  return drivers;
}

interface Opening {
  /** Of the link, beside the token: `at=…`. */
  readonly hash?: string;
  /** Undefined: one that may do everything; null: none. */
  readonly token?: string | null;
  readonly viewport?: { width: number; height: number };
  readonly colorScheme?: 'light' | 'dark';
  /** Called before the page is. */
  readonly prepare?: (context: BrowserContext) => Promise<unknown>;
}

/** Opens the dashboard of a server as its link does. */
export async function openDashboard(
  browser: Browser,
  { port }: { readonly port: number },
  { hash, token: given = token(), viewport = WIDE, colorScheme = 'light', prepare }: Opening = {},
): Promise<DashboardPage> {
  const context = await browser.newContext({ viewport, colorScheme });
  onTestFinished(() => context.close());
  await prepare?.(context);
  return openTab(context, { port }, [given === null ? undefined : `token=${given}`, hash], viewport);
}

/** One more tab, of the same browser's profile. */
export async function openTab(
  context: BrowserContext,
  { port }: { readonly port: number },
  fields: readonly (string | undefined)[],
  viewport = WIDE,
): Promise<DashboardPage> {
  const page = await context.newPage();
  // Before any script of the page: each violation, wherever it comes from.
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI, sample }: Message) =>
      console.error(`violation of ${violatedDirective}: ${blockedURI} ${sample}`),
    );
  });
  const origin = `http://127.0.0.1:${port}`;
  const dashboard = new DashboardPage(page, `${origin}/`, viewport);
  const hash = fields.filter((field) => field !== undefined).join('&');
  await page.goto(`${origin}/${hash === '' ? '' : `#${hash}`}`);
  return dashboard;
}
