import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isWorthSending } from '../../src/web/driver/worth-sending.ts';
import { findChromium, startChromium } from '../support/browser.ts';
import type { Message } from '../support/client.ts';
import { destination } from '../support/geodesic.ts';
import { Network } from '../support/network.ts';
import { type TestServer, token } from '../support/server.ts';
import { describeWith } from '../support/services.ts';
import { slowTest } from '../support/slow.ts';
import { expectAccessible, openPhone, openTab, originOf, startWithHistory } from './phone.ts';

const HERE: [number, number] = [40.7549, -73.984];
const driver = (sub = 'driver-7', ttlSeconds = 3600) => token({ sub, scope: 'positions:write', ttlSeconds });
const at = (place: readonly [number, number], accuracy = 5) => ({ latitude: place[0], longitude: place[1], accuracy });
/** A phone that may know where it is. */
const allowed = { permissions: ['geolocation'], geolocation: at(HERE) };
const patience = { timeout: 20_000 };

const positionOf = async (server: TestServer, driverId: string): Promise<Message | undefined> => {
  const response = await server.get(`/v1/drivers/${driverId}`);
  return response.status === 200 ? response.json() : undefined;
};
/** Where it was, oldest first. */
const lineOf = async (server: TestServer, driverId: string): Promise<number[][]> => {
  const { geometry } = await (await server.get(`/v1/drivers/${driverId}/track`)).json();
  if (geometry === undefined || geometry === null) return [];
  const points = geometry.type === 'Point' ? [geometry.coordinates] : geometry.coordinates;
  return points.map(([lng, lat]: number[]) => [lat, lng]);
};
const accepted = (page: Page) => page.locator('.tally div', { hasText: 'Accepted' }).locator('dd').textContent();
const waiting = (page: Page) => page.locator('[data-waiting]').getAttribute('data-waiting', { timeout: 1000 });
const phase = (page: Page) => page.locator('[data-phase]').getAttribute('data-phase');

test('a position is sent when it has moved by more than a device wavers, or nothing was for a while', () => {
  const taken = (metres: number, seconds: number, accuracy = 5) => ({
    coords: at(destination(HERE, 70, metres), accuracy) as ReturnType<typeof at>,
    timestamp: seconds * 1000,
  });
  const last = taken(0, 0);
  expect(isWorthSending(last, undefined, 30_000)).toBe(true);
  expect(isWorthSending(taken(9.9, 1), last, 30_000)).toBe(false);
  expect(isWorthSending(taken(10.1, 1), last, 30_000)).toBe(true);
  expect(isWorthSending(taken(99, 1, 200), last, 30_000)).toBe(false);
  expect(isWorthSending(taken(101, 1, 200), last, 30_000)).toBe(true);
  expect(isWorthSending(taken(0, 29.9), last, 30_000)).toBe(false);
  expect(isWorthSending(taken(0, 30), last, 30_000)).toBe(true);
});

describeWith('Chromium', findChromium(), 'the driver’s page', (path) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startChromium(path);
  });
  afterAll(() => browser.close());

  test('sends where the phone is while on duty, says what it is, and is gone when off', async () => {
    const server = await startWithHistory();
    const { page, context, faults } = await openPhone(browser, server, `/driver#token=${driver()}`, allowed);
    await page.getByRole('button', { name: 'Go on duty' }).click();
    await expect
      .poll(() => positionOf(server, 'driver-7'), patience)
      .toMatchObject({
        ...at(HERE),
        attributes: { status: 'available' },
      });
    const there = destination(HERE, 120, 40);
    await context.setGeolocation(at(there, 8));
    await expect.poll(() => positionOf(server, 'driver-7'), patience).toMatchObject(at(there, 8));
    await page.getByLabel('Status').selectOption('busy');
    await expect
      .poll(() => positionOf(server, 'driver-7'), patience)
      .toMatchObject({ ...at(there, 8), attributes: { status: 'busy' } });
    await expect.poll(() => accepted(page), patience).toBe('3');
    await page.getByRole('button', { name: 'Go off duty' }).click();
    await expect.poll(() => positionOf(server, 'driver-7'), patience).toBeUndefined();
    await expect.poll(() => phase(page), patience).toBe('off');
    expect(page.url()).not.toContain('token');
    expect(faults).toEqual([]);
  });

  slowTest('keeps what could not be sent through an outage and a reload, and sends it in its order', async () => {
    const server = await startWithHistory();
    const network = await Network.to(server.port);
    const { page, context } = await openPhone(browser, network, `/driver#token=${driver()}`, allowed);
    await page.getByRole('button', { name: 'Go on duty' }).click();
    await expect.poll(() => accepted(page), patience).toBe('1');
    await context.setOffline(true);
    // Else the browser holds what it was given for later.
    network.cut();
    const places = [50, 100, 150].map((metres) => destination(HERE, 30, metres));
    for (const [index, place] of places.entries()) {
      await context.setGeolocation(at(place));
      await expect.poll(() => waiting(page), patience).toBe(String(index + 1));
    }
    expect((await positionOf(server, 'driver-7'))?.latitude).toBe(HERE[0]);
    await page.goto('about:blank');
    await context.setOffline(false);
    await page.goto(`${originOf(network)}/driver`);
    await expect.poll(() => phase(page), patience).toBe('on');
    await expect.poll(() => page.locator('[data-waiting]').count(), patience).toBe(0);
    // The first of the new page is where the last of the old was.
    expect((await lineOf(server, 'driver-7')).slice(0, 4)).toEqual([HERE, ...places]);
  });
  slowTest('goes on through the end of its token: what waits goes with the next one', async () => {
    const server = await startWithHistory();
    const { page, context } = await openPhone(browser, server, `/driver#token=${driver('driver-7', 3)}`, allowed);
    await page.getByRole('button', { name: 'Go on duty' }).click();
    await expect.poll(() => accepted(page), patience).toBe('1');
    const dialog = page.getByRole('dialog', { name: 'Your token has ended' });
    await dialog.waitFor();
    const places = [50, 100].map((metres) => destination(HERE, 30, metres));
    for (const [index, place] of places.entries()) {
      await context.setGeolocation(at(place));
      await expect.poll(() => waiting(page), patience).toBe(String(index + 1));
    }
    await expectAccessible(page);
    await dialog.getByRole('textbox').fill(driver());
    await page.keyboard.press('Enter');
    await expect.poll(() => lineOf(server, 'driver-7'), patience).toEqual([HERE, ...places]);
    // The token of somebody else takes nothing along, and is off duty.
    await context.setOffline(true);
    await context.setGeolocation(at(destination(HERE, 30, 200)));
    await expect.poll(() => waiting(page), patience).toBe('1');
    await page.evaluate(
      (hash) => {
        location.hash = hash;
      },
      `token=${driver('driver-8')}`,
    );
    await expect.poll(() => phase(page), patience).toBe('off');
    await context.setOffline(false);
    await context.setGeolocation(at(HERE));
    await page.getByText('driver-8').waitFor();
    await page.getByRole('button', { name: 'Go on duty' }).click();
    await expect.poll(() => lineOf(server, 'driver-8'), patience).toEqual([HERE]);
    await expect.poll(() => accepted(page), patience).toBe('1');
    expect(await page.locator('.refusals').count()).toBe(0);
  });

  slowTest('going off duty waits for the network, through a reload, and can be taken back', async () => {
    const server = await startWithHistory();
    const { page, context } = await openPhone(browser, server, `/driver#token=${driver()}`, allowed);
    await page.getByRole('button', { name: 'Go on duty' }).click();
    await expect.poll(() => accepted(page), patience).toBe('1');
    await context.setOffline(true);
    const last = destination(HERE, 30, 50);
    await context.setGeolocation(at(last));
    await expect.poll(() => waiting(page), patience).toBe('1');
    const button = page.getByRole('button', { name: /duty/ });
    await button.click();
    await expect.poll(() => phase(page), patience).toBe('ending');
    await button.click();
    await expect.poll(() => phase(page), patience).toBe('on');
    await button.click();
    await expect.poll(() => phase(page), patience).toBe('ending');
    await page.goto('about:blank');
    expect(await positionOf(server, 'driver-7')).toBeDefined();
    await context.setOffline(false);
    await page.goto(`${originOf(server)}/driver`);
    await expect.poll(() => phase(page), patience).toBe('off');
    expect(await positionOf(server, 'driver-7')).toBeUndefined();
    expect((await lineOf(server, 'driver-7')).slice(0, 2)).toEqual([HERE, last]);
    // Nobody put it on duty again.
    await page.reload();
    expect(await phase(page)).toBe('off');
  });

  slowTest('of two tabs one drives, and the other takes over', async () => {
    const server = await startWithHistory();
    const { page, context } = await openPhone(browser, server, `/driver#token=${driver()}`, allowed);
    await page.getByRole('button', { name: 'Go on duty' }).click();
    await expect.poll(() => accepted(page), patience).toBe('1');
    const second = await openTab(context, `${originOf(server)}/driver#token=${driver()}`);
    await second.page.getByRole('button', { name: 'Go on duty' }).click();
    await expect.poll(() => phase(second.page), patience).toBe('elsewhere');
    await page.close();
    await expect.poll(() => phase(second.page), patience).toBe('on');
    await expect.poll(() => accepted(second.page), patience).toBe('1');
  });

  slowTest('a gateway says for whom it sends; a token that may not send is told so', async () => {
    const server = await startWithHistory();
    const { page } = await openPhone(browser, server, `/driver#token=${token()}`, allowed);
    const button = page.getByRole('button', { name: 'Go on duty' });
    expect(await button.isDisabled()).toBe(true);
    await page.getByLabel('Driver').fill('van 3/ü');
    await page.getByLabel('Vehicle').fill('blue van');
    await button.click();
    await expect
      .poll(() => positionOf(server, encodeURIComponent('van 3/ü')), patience)
      .toMatchObject({ ...at(HERE), attributes: { status: 'available', vehicle: 'blue van' } });
    await page.getByRole('button', { name: 'Go off duty' }).click();
    await expect.poll(() => phase(page), patience).toBe('off');
    await page.reload();
    expect(await page.getByLabel('Driver').inputValue()).toBe('van 3/ü');
    const reader = await openPhone(browser, server, `/driver#token=${token({ scope: 'positions:read' })}`, allowed);
    await reader.page.getByRole('alert').getByText('may not send positions').waitFor();
    expect(await reader.page.getByRole('button', { name: 'Go on duty' }).isDisabled()).toBe(true);
    await expectAccessible(reader.page);
    await reader.page.getByRole('button', { name: 'Use another token' }).click();
    await reader.page.getByRole('dialog', { name: 'Who is asking?' }).waitFor();
  });

  slowTest('says why there is no position, and goes on when there is', async () => {
    const server = await startWithHistory();
    const { page, context } = await openPhone(browser, server, `/driver#token=${driver()}`);
    await page.getByRole('button', { name: 'Go on duty' }).click();
    await page.locator('[data-problem=denied]').waitFor();
    await expectAccessible(page);
    await context.setGeolocation(at(HERE));
    await context.grantPermissions(['geolocation']);
    await expect.poll(() => accepted(page), patience).toBe('1');
    // What has no position to give.
    await context.setGeolocation(null);
    await page.locator('[data-problem=unavailable]').waitFor();
    // By http from another machine.
    const insecure = await context.newPage();
    await insecure.route('http://192.0.2.1/**', async (route) => {
      const { pathname } = new URL(route.request().url());
      await route.fulfill({ response: await route.fetch({ url: originOf(server) + pathname }) });
    });
    await insecure.goto(`http://192.0.2.1/driver#token=${driver('driver-9')}`);
    await insecure.getByRole('button', { name: 'Go on duty' }).click();
    await insecure.locator('[data-problem=insecure]').getByText('http://192.0.2.1').waitFor();
  });

  slowTest('shows speed and heading, and what was refused', async () => {
    const server = await startWithHistory();
    const { page, context } = await openPhone(browser, server, `/driver#token=${driver()}`, allowed);
    const devtools = await context.newCDPSession(page);
    await page.getByRole('button', { name: 'Go on duty' }).click();
    await expect.poll(() => accepted(page), patience).toBe('1');
    const moving = { ...at(destination(HERE, 30, 50)), speed: 10, heading: 120 };
    await devtools.send('Emulation.setGeolocationOverride', moving);
    await expect.poll(() => positionOf(server, 'driver-7'), patience).toMatchObject(moving);
    expect(await page.locator('.fix').textContent()).toContain('Speed36 km/hHeading120° SE');
    await page.getByLabel('Vehicle').evaluate((element: Message) => element.removeAttribute('maxlength'));
    await page.getByLabel('Vehicle').fill('x'.repeat(257));
    await page.keyboard.press('Enter');
    await page.locator('.refusals', { hasText: '256 characters' }).waitFor();
    await expectAccessible(page);
  });

  slowTest('keeps the screen on while on duty, again after the page was hidden', async () => {
    const server = await startWithHistory();
    const { context, page: first } = await openPhone(browser, server, '/driver', allowed);
    await first.close();
    await context.addInitScript(() => {
      const locks: Message[] = [];
      const request = async () => {
        const lock = Object.assign(new EventTarget(), {
          release: async () => {
            locks.splice(locks.indexOf(lock), 1);
            lock.dispatchEvent(new Event('release'));
          },
        });
        locks.push(lock);
        return lock;
      };
      Object.defineProperty(navigator, 'wakeLock', { value: { request } });
      Object.assign(window, { locks });
    });
    const { page } = await openTab(context, `${originOf(server)}/driver#token=${driver()}`);
    const held = () => page.evaluate(() => window.locks.length);
    await page.getByRole('button', { name: 'Go on duty' }).click();
    await expect.poll(held, patience).toBe(1);
    // A browser takes it back when the page is hidden.
    await page.evaluate(() => window.locks[0].release());
    await expect.poll(() => page.locator('[data-phase]').textContent()).not.toContain('The screen stays on');
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
    await expect.poll(held, patience).toBe(1);
    await page.getByText('The screen stays on').waitFor();
    await page.getByRole('button', { name: 'Go off duty' }).click();
    await expect.poll(held, patience).toBe(0);
  });
});

// Scripts of pages run in the browser: what they use is there, not here.
declare const window: Message;
declare const document: Message;
declare const location: Message;
