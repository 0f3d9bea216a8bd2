import type { Browser } from 'playwright-core';
import type { Position } from '../../src/client/index.ts';
import { animate, withPalette } from './pixels.ts';
import type { RunningDemo } from './running-demo.ts';
import { type Setting, Studio } from './studio.ts';

/** What is there to take pictures of. */
export interface Stage {
  readonly browser: Browser;
  readonly demo: RunningDemo;
}

/** A view of the dashboard, as its links say it. */
interface View {
  readonly lat: number;
  readonly lng: number;
  readonly zoom: number;
}

/** Something to take pictures of. */
export interface Scene {
  /** The files that it gives, and how many pixels they have. */
  readonly files: readonly string[];
  readonly size: readonly [width: number, height: number];
  /** The contents of the files. */
  take(stage: Stage): Promise<Uint8Array[]>;
}

const DESKTOP = { viewport: { width: 1440, height: 900 } };
const WINDOW = { viewport: { width: 1200, height: 750 } };
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };
/** Of the animation: drawn at this scale it is some 800 pixels wide. */
const SMALL = { viewport: { width: 1000, height: 625 }, deviceScaleFactor: 0.8 };

const CITY: View = { lat: 40.7549, lng: -73.984, zoom: 13.5 };
const MIDTOWN: View = { ...CITY, zoom: 14.2 };

/** Milliseconds that are played before a picture, so that its status bar tells of the server rather than of the drawing. */
const SETTLING = 5_000;
const STEP = 500;
/** Degrees of latitude that are in view around who is followed. */
const NEAR = 0.009;
/** Milliseconds of a frame of the animation. */
const FRAME = 100;

/** All pictures of the documentation. */
export const SCENES: readonly Scene[] = [
  {
    files: ['city.gif'],
    size: pixelsOf(SMALL),
    take: async (stage) => {
      const studio = await openDashboard(stage, SMALL, MIDTOWN);
      await studio.play(SETTLING, STEP);
      const frames: Uint8Array[] = [];
      const film = (milliseconds: number) =>
        studio.play(milliseconds, FRAME, async () => frames.push(await studio.picture()));
      await film(3_500);
      await clickOn(studio, await mover(stage, studio, MIDTOWN, SMALL), MIDTOWN, SMALL);
      await studio.page.getByText('The line is where it was').waitFor();
      await film(4_000);
      await studio.page.emulateMedia({ colorScheme: 'dark' });
      await film(3_000);
      return [animate(frames, FRAME)];
    },
  },
  {
    files: ['dashboard-light.png', 'dashboard-dark.png'],
    size: pixelsOf(DESKTOP),
    take: async (stage) => {
      const studio = await openDashboard(stage, DESKTOP, CITY);
      await studio.play(SETTLING, STEP);
      const light = await studio.picture();
      await studio.page.emulateMedia({ colorScheme: 'dark' });
      // The map fades its style in.
      await studio.play(1_500, STEP);
      return [light, await studio.picture()].map(withPalette);
    },
  },
  still('dashboard-phone.png', PHONE, CITY),
  still(
    'follow.png',
    WINDOW,
    { ...CITY, zoom: 14.4 },
    {
      more: async (demo) => `&driver=${await whoeverTurned(demo)}`,
      act: async ({ page }) => page.getByText('The line is where it was').waitFor(),
    },
  ),
  still('filter.png', WINDOW, CITY, {
    act: async (studio) => {
      const { page } = studio;
      await page.getByText('More filters').click();
      await page.getByRole('button', { name: /^available/ }).click();
      await page.getByRole('button', { name: /^suv/ }).click();
      // Until the server has answered.
      const others = page.getByRole('button', { name: /^busy\s*0$/ });
      for (let n = 0; n < 20 && !(await others.isVisible()); n++) await studio.play(2_000, 2_000);
    },
  }),
  still('area.png', WINDOW, MIDTOWN, {
    act: async (studio) => {
      const { page } = studio;
      await openTool(studio, 'Area');
      await page.getByRole('button', { name: 'Circle' }).click();
      await page.mouse.click(610, 400);
      await studio.play(500, STEP);
      await page.mouse.click(760, 480);
      // Until some have come and gone.
      await studio.play(20_000, 500);
    },
  }),
  still(
    'nearest.png',
    WINDOW,
    { ...CITY, zoom: 15 },
    {
      act: async (studio) => {
        await openTool(studio, 'Nearest');
        const { x, y } = emptiest(studio, { ...CITY, zoom: 15 }, WINDOW);
        await studio.page.mouse.click(x, y);
      },
    },
  ),
  still(
    'counts.png',
    WINDOW,
    { ...CITY, zoom: 12.15 },
    {
      act: async (studio) => {
        await studio.page.getByRole('button', { name: 'Counts by cell' }).click();
        await studio.play(1_000, STEP);
        await studio.page.getByText('Counts', { exact: true }).waitFor();
      },
    },
  ),
  still('replay.png', WINDOW, CITY, {
    act: async (studio) => {
      const { page } = studio;
      await openTool(studio, 'Replay');
      await page.getByRole('button', { name: '15 min' }).click();
      await studio.play(1_000, STEP);
      const slider = page.getByRole('slider', { name: 'Time' });
      const { width } = (await slider.boundingBox()) ?? { width: 0 };
      await slider.click({ position: { x: width * 0.92, y: 8 } });
    },
  }),
  still('share.png', WINDOW, MIDTOWN, {
    act: async (studio, stage) => {
      // An answer that is ahead of the page's clock would have all that comes look late.
      const driverId = await mover(stage, studio, MIDTOWN, WINDOW);
      await studio.catchUp();
      await clickOn(studio, driverId, MIDTOWN, WINDOW);
      await studio.catchUp();
      await openTool(studio, 'Share');
      await studio.catchUp();
      await studio.page.getByRole('button', { name: 'Make a guest’s link' }).click();
      await studio.page.getByLabel(/^Guest’s link/).waitFor();
    },
  }),
  {
    files: ['driver-page.png'],
    size: pixelsOf(PHONE),
    take: async ({ browser, demo }) => {
      const way = alongAnAvenue();
      const setting = { ...PHONE, permissions: ['geolocation'], geolocation: way() };
      const studio = await Studio.open(browser, `${demo.url}/driver#token=${demo.tokens.driver}`, setting);
      const { page } = studio;
      await page.getByLabel(/^Vehicle/).fill('sedan');
      await page.getByRole('button', { name: 'Go on duty' }).click();
      for (let fixes = 0; fixes < 12; fixes++) {
        await page.context().setGeolocation(way());
        await page.waitForTimeout(1_000);
      }
      return [withPalette(await studio.picture())];
    },
  },
  {
    files: ['rider-page.png'],
    size: pixelsOf(PHONE),
    take: async ({ browser, demo }) => {
      const link = `${demo.url}/rider#token=${demo.tokens.rider}&at=${CITY.lat},${CITY.lng}`;
      const studio = await Studio.open(browser, link, PHONE);
      // In a city full of drivers two kilometres are too many.
      await studio.page.getByLabel('Radius').selectOption('1000');
      await studio.page.getByRole('listitem').first().waitFor();
      await studio.page.waitForTimeout(2_000);
      return [withPalette(await studio.picture())];
    },
  },
];

/** What is done before a picture is taken. */
interface Acting {
  /** More of the link. */
  more?(demo: RunningDemo): Promise<string>;
  act?(studio: Studio, stage: Stage): Promise<unknown>;
  /** Milliseconds from one drawing to the next, until the picture. */
  step?: number;
}

/** A picture of the dashboard after something was done on it. */
function still(file: string, setting: Setting, view: View, { more, act, step = STEP }: Acting = {}): Scene {
  return {
    files: [file],
    size: pixelsOf(setting),
    take: async (stage) => {
      const studio = await openDashboard(stage, setting, view, await more?.(stage.demo));
      await studio.catchUp();
      await act?.(studio, stage);
      await studio.play(SETTLING, step);
      return [withPalette(await studio.picture())];
    },
  };
}

/** The dashboard, with drivers on it, its clock waiting. */
async function openDashboard({ browser, demo }: Stage, setting: Setting, view: View, more = ''): Promise<Studio> {
  const at = `${view.lat},${view.lng},${view.zoom}`;
  const studio = await Studio.open(browser, `${demo.url}/#token=${demo.tokens['']}&at=${at}${more}`, setting);
  await studio.page.getByText('Live', { exact: true }).waitFor();
  // A round of fixes.
  await studio.play(1_500, STEP);
  return studio;
}

async function openTool(studio: Studio, name: string): Promise<void> {
  await studio.page.getByRole('button', { name, exact: true }).click();
  await studio.play(500, STEP);
}

/** Who has a rider and drives near the centre, and had turned most often near where it is. */
async function whoeverTurned(demo: RunningDemo): Promise<string> {
  const drivers = await demo.nearby(CITY, '&attributes.status=busy&limit=30');
  return longestTrail(
    demo,
    drivers.filter(({ speed }) => speed),
  );
}

async function longestTrail(demo: RunningDemo, drivers: readonly Position[]): Promise<string> {
  let most = -1;
  let chosen = '';
  for (const { driverId, latitude, longitude } of drivers) {
    const trail = await demo.trail(driverId);
    const turns = trail.filter(([lng, lat]) => Math.hypot(lat - latitude, (lng - longitude) * 0.76) < NEAR).length;
    if (turns <= most) continue;
    most = turns;
    chosen = driverId;
  }
  return chosen;
}

/** A driver near the middle who moves, and whose trail shows best. */
async function mover({ demo }: Stage, { drivers }: Studio, view: View, { viewport }: Setting): Promise<string> {
  const [x, y] = [viewport.width * 0.52, viewport.height * 0.5];
  const places = [...drivers.values()]
    .filter(({ speed, attributes }) => (speed ?? 0) > 5 && attributes?.status === 'busy')
    .map((driver) => ({ driver, at: pixelOf(driver, view, viewport) }))
    .sort((a, b) => Math.hypot(a.at.x - x, a.at.y - y) - Math.hypot(b.at.x - x, b.at.y - y));
  const nearest = places.slice(0, 8);
  return longestTrail(
    demo,
    nearest.map(({ driver }) => driver),
  );
}

/** Clicks on a driver where it is now. */
async function clickOn({ page, drivers }: Studio, driverId: string, view: View, { viewport }: Setting): Promise<void> {
  const { x, y } = pixelOf(drivers.get(driverId) as Position, view, viewport);
  await page.mouse.click(x, y);
}

/** A place near the middle that is far from everybody, in CSS pixels: lines from it to who is nearest can be told apart. */
function emptiest({ drivers }: Studio, view: View, { viewport }: Setting): { x: number; y: number } {
  const places = [...drivers.values()].map((driver) => pixelOf(driver, view, viewport));
  let best = { x: 0, y: 0, room: 0 };
  for (let x = viewport.width * 0.4; x < viewport.width * 0.65; x += 10) {
    for (let y = viewport.height * 0.4; y < viewport.height * 0.7; y += 10) {
      const room = Math.min(...places.map((place) => Math.hypot(place.x - x, place.y - y)));
      if (room > best.room) best = { x, y, room };
    }
  }
  return best;
}

/** Where Web Mercator has a driver, in CSS pixels. */
function pixelOf(driver: Position, view: View, { width, height }: Setting['viewport']): { x: number; y: number } {
  const world = 512 * 2 ** view.zoom;
  const north = (lat: number) => Math.atanh(Math.sin((lat * Math.PI) / 180)) / (2 * Math.PI);
  return {
    x: width / 2 + ((driver.longitude - view.lng) / 360) * world,
    y: height / 2 - (north(driver.latitude) - north(view.lat)) * world,
  };
}

/** Where a phone is that goes up an avenue, the next place at each call. */
function alongAnAvenue(): () => { latitude: number; longitude: number; accuracy: number } {
  let latitude = 40.7527;
  let longitude = -73.9772;
  return () => {
    latitude += 0.00009;
    longitude += 0.000066;
    return { latitude, longitude, accuracy: 6 };
  };
}

function pixelsOf({ viewport: { width, height }, deviceScaleFactor = 1 }: Setting): [width: number, height: number] {
  return [width * deviceScaleFactor, height * deviceScaleFactor];
}
