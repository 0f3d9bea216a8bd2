import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { offset } from '../../src/web/phone/offset.ts';
import { placeIn } from '../../src/web/phone/place.ts';
import { findChromium, startChromium } from '../support/browser.ts';
import type { Message } from '../support/client.ts';
import { destination, trueDistance } from '../support/geodesic.ts';
import { Network } from '../support/network.ts';
import { seeded } from '../support/random.ts';
import { startServer, type TestServer, token } from '../support/server.ts';
import { describeWith } from '../support/services.ts';
import { slowTest } from '../support/slow.ts';
import { expectAccessible, openPhone, originOf } from './phone.ts';

const HERE: [number, number] = [40.7549, -73.984];
const patience = { timeout: 20_000 };
const rider = (ttlSeconds = 3600) => token({ sub: 'rider', scope: 'positions:read', ttlSeconds });
const link = `/rider#at=${HERE}&token=`;

const placeOf = ([latitude, longitude]: readonly [number, number]) => ({ latitude, longitude });

/** Drivers around a place, at random, none of them at the door; every third is busy, and one of those is quite near. */
function fleet(count: number, metres: number) {
  const random = seeded('rider');
  return Array.from({ length: count }, (_, index) => {
    const [latitude, longitude] = destination(
      HERE,
      random.between(0, 360),
      index === 2 ? 50 : random.between(20, metres),
    );
    const attributes = { status: index % 3 === 2 ? 'busy' : 'available' };
    return { driverId: `driver-${index}`, latitude, longitude, heading: random.between(0, 360), attributes };
  });
}

/** The list of the page, and what REST answers to the same question. */
async function compared(page: Page, server: TestServer, { here = HERE, radius = 2000, filter = '' } = {}) {
  const shown = await page
    .locator('.nearest li')
    .evaluateAll((items: Message[]) => items.map(({ dataset }) => [dataset.driver, dataset.distance]));
  const query = `latitude=${here[0]}&longitude=${here[1]}&radius=${radius}&limit=10${filter}`;
  const { drivers } = await (await server.get(`/v1/drivers/nearby?${query}`)).json();
  return { shown, told: drivers.map(({ driverId, distance }: Message) => [driverId, distance.toFixed(1)]) };
}

/** Waits until the page lists what REST answers, and checks that it lists somebody. */
async function expectSame(page: Page, server: TestServer, question = {}): Promise<void> {
  await expect
    .poll(async () => {
      const { shown, told } = await compared(page, server, question);
      // What is half way between two decimals goes either way.
      const isSame = shown.every(
        ([id, distance], index) => id === told[index]?.[0] && Math.abs(distance - told[index]?.[1]) < 0.11,
      );
      return isSame && shown.length > 0 && shown.length === told.length ? 'same' : { shown, told };
    }, patience)
    .toBe('same');
}

// Scripts of pages run in the browser: what they use is there, not here.
declare const MutationObserver: Message;

test.each([
  [1000, 0.001],
  [20_000, 0.04],
  [100_000, 4],
])('at %i m distances are those along the ellipsoid to %f m', (most, tolerance) => {
  const random = seeded('offset');
  for (let n = 0; n < 1000; n++) {
    const from = [random.between(-60, 60), random.between(-180, 180)] as const;
    const [metres, azimuth] = [random.between(0.1 * most, most), random.between(0, 360)];
    const to = destination(from, azimuth, metres);
    const { distance, bearing } = offset(placeOf(from), placeOf(to));
    const about = `${from} ${azimuth} ${metres}`;
    expect(Math.abs(distance - trueDistance(...from, ...to)), about).toBeLessThan(tolerance);
    expect(Math.abs(((bearing - azimuth + 540) % 360) - 180), about).toBeLessThan(1);
  }
});

test.each([
  ['40.7549,-73.984', { latitude: 40.7549, longitude: -73.984 }],
  [' 40.7549, -73.984 ', { latitude: 40.7549, longitude: -73.984 }],
  ['-0.5 179', { latitude: -0.5, longitude: 179 }],
  ['40.7549,-73.984,13.5', { latitude: 40.7549, longitude: -73.984 }],
  ['', undefined],
  ['40.7549', undefined],
  ['90.1,0', undefined],
  ['0,-180.1', undefined],
  ['0,0,x', undefined],
  ['Broadway 1', undefined],
])('the place in “%s”', (text, place) => {
  expect(placeIn(text)).toEqual(place);
});

describeWith('Chromium', findChromium(), 'the rider’s page', (path) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startChromium(path);
  });
  afterAll(() => browser.close());

  test('lists who is near as REST does, and follows as they move and as the question changes', async () => {
    const server = await startServer();
    const drivers = fleet(40, 2500);
    await server.post('/v1/positions', { positions: drivers });
    const { page, faults } = await openPhone(browser, server, link + rider());
    await expectSame(page, server);
    // The farthest of them comes to the door.
    const { shown } = await compared(page, server);
    const [latitude, longitude] = destination(HERE, 10, 12.3);
    await server.post('/v1/positions', { driverId: shown.at(-1)?.[0], latitude, longitude });
    await expect
      .poll(async () => (await compared(page, server)).shown[0], patience)
      .toEqual([shown.at(-1)?.[0], '12.3']);
    await expectSame(page, server);
    await page.getByLabel('Available only').check();
    await expectSame(page, server, { filter: '&attributes.status=available' });
    await page.getByLabel('Available only').uncheck();
    await page.getByLabel('Radius').selectOption('500');
    await expectSame(page, server, { radius: 500 });
    expect(page.url()).toBe(`${originOf(server)}/rider#at=${HERE}`);
    expect(faults).toEqual([]);
  });

  slowTest('goes along with the phone, asked for when it may not yet', async () => {
    const server = await startServer();
    await server.post('/v1/positions', { positions: fleet(200, 2000) });
    const { page, context } = await openPhone(browser, server, `/rider#token=${rider()}`);
    await page.getByRole('button', { name: 'Use my position' }).click();
    await page.locator('[data-problem=denied]').waitFor();
    await context.setGeolocation(placeOf(HERE));
    // It goes on by itself when the settings of the site let it.
    await context.grantPermissions(['geolocation']);
    await page.getByLabel('Radius').selectOption('500');
    await expectSame(page, server, { radius: 500 });
    // Less than a step of the circle, and more.
    for (const metres of [15, 700]) {
      const here = destination(HERE, 200, metres);
      await context.setGeolocation(placeOf(here));
      await expectSame(page, server, { here, radius: 500 });
    }
    // Where it was let once, it is not asked again.
    await page.reload();
    await expectSame(page, server, { here: destination(HERE, 200, 700) });
    await page.getByRole('button', { name: 'Change' }).click();
    await page.getByRole('textbox').fill('no place');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('That is no place').waitFor();
    await page.getByRole('textbox').fill(`${HERE[0]}, ${HERE[1]}`);
    await page.keyboard.press('Enter');
    await expectSame(page, server);
    expect(page.url()).toContain(`#at=${HERE}`);
  });

  slowTest('shows what was while it reconnects, and after that what is', async () => {
    const server = await startServer();
    const drivers = fleet(20, 2000);
    await server.post('/v1/positions', { positions: drivers });
    const network = await Network.to(server.port);
    const { page } = await openPhone(browser, network, link + rider());
    await expectSame(page, server);
    const told = await page.locator('[data-state]').evaluateHandle((element: Message) => {
      const heard: string[] = [];
      new MutationObserver(() => heard.push(element.textContent)).observe(element, {
        characterData: true,
        childList: true,
        subtree: true,
      });
      return heard;
    });
    // Whoever hears the page is not told each move.
    for (const [index, { driverId }] of drivers.slice(0, 5).entries()) {
      const [latitude, longitude] = destination(HERE, 45, 15 - index);
      await server.post('/v1/positions', { driverId, latitude, longitude });
      await expectSame(page, server);
    }
    expect(await told.jsonValue()).toEqual([]);
    await page.context().setOffline(true);
    network.cut();
    await page.locator('[data-state=interrupted]').waitFor();
    await page.locator('[data-connection=offline]').waitFor();
    await expectAccessible(page);
    const [latitude, longitude] = destination(HERE, 45, 1);
    await server.post('/v1/positions', { driverId: drivers[0].driverId, latitude, longitude });
    await page.context().setOffline(false);
    await page.locator('[data-state=live]').waitFor();
    await expectSame(page, server);
  });

  slowTest('asks for another token when its own has ended, and goes on', async () => {
    const server = await startServer();
    await server.post('/v1/positions', { positions: fleet(5, 1000) });
    const { page } = await openPhone(browser, server, link + rider(3));
    await expectSame(page, server);
    const dialog = page.getByRole('dialog', { name: 'Your token has ended' });
    await dialog.waitFor();
    expect(await page.locator('.nearest li').count()).toBe(5);
    await expectAccessible(page);
    const [latitude, longitude] = destination(HERE, 45, 1);
    await server.post('/v1/positions', { driverId: 'driver-3', latitude, longitude });
    await dialog.getByRole('textbox').fill(rider());
    await page.keyboard.press('Enter');
    await dialog.waitFor({ state: 'detached' });
    await expectSame(page, server);
  });

  slowTest('says that nobody is near, that a token may not look, and that there is none', async () => {
    const server = await startServer();
    const [latitude, longitude] = destination(HERE, 45, 3000);
    await server.post('/v1/positions', { driverId: 'far', latitude, longitude, attributes: { status: 'busy' } });
    const { page } = await openPhone(browser, server, link + rider());
    await page.getByText('Nobody within 2 km').waitFor();
    await expectAccessible(page);
    await page.getByRole('button', { name: 'Look within 5 km' }).click();
    await expectSame(page, server, { radius: 5000 });
    await page.getByLabel('Available only').check();
    await page.getByRole('button', { name: 'Show the busy ones' }).click();
    await expectSame(page, server, { radius: 5000 });
    const area = { ...placeOf(HERE), radius: 500 };
    for (const claims of [{ scope: 'positions:write' }, { scope: 'positions:read', area }]) {
      const other = await openPhone(browser, server, link + token(claims));
      if ('area' in claims) await other.page.getByText('Nobody within 2 km').waitFor();
      else await other.page.getByRole('alert').getByText('positions:read').waitFor();
    }
    const nobody = await openPhone(browser, server, '/rider', { viewport: { width: 1440, height: 900 } });
    await nobody.page.getByRole('dialog', { name: 'Who is asking?' }).waitFor();
    await expectAccessible(nobody.page);
  });

  slowTest('leaves nothing serious for axe to find, in light and dark', async () => {
    const server = await startServer();
    await server.post('/v1/positions', { positions: fleet(40, 2500) });
    const { page } = await openPhone(browser, server, link + rider());
    await expectSame(page, server);
    await expectAccessible(page);
    await page.getByRole('button', { name: 'Change' }).click();
    await expectAccessible(page);
  });
});
