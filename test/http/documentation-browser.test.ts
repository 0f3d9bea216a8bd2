import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';
import { contract } from '../../src/contract.ts';
import type { Message } from '../support/belief.ts';
import { findChromium, startChromium } from '../support/browser.ts';
import { startServer, token } from '../support/server.ts';
import { describeWith } from '../support/services.ts';
import { slowTest } from '../support/slow.ts';

// Scripts of pages run in the browser: what they use is there, not here.
declare const document: Message;
declare const getComputedStyle: Message;

describeWith('Chromium', findChromium(), 'the page of the API reference', (path) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startChromium(path);
  });
  afterAll(() => browser.close());

  /** A page that keeps whatever a browser complains of, and what it asks for. */
  async function openDocs(url: string): Promise<{ page: Page; complaints: string[]; asked: string[] }> {
    const page = await browser.newPage();
    onTestFinished(() => page.close());
    const complaints: string[] = [];
    const asked: string[] = [];
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('requestfailed', (request) => complaints.push(`${request.url()}: ${request.failure()?.errorText}`));
    page.on('request', (request) => asked.push(request.url()));
    // Before any script of the page: each violation, wherever it comes from.
    await page.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI, sample }: Message) =>
        console.error(`violation of ${violatedDirective}: ${blockedURI} ${sample}`),
      );
    });
    await page.goto(url);
    await page.waitForSelector('.opblock');
    return { page, complaints, asked };
  }

  slowTest(
    'obeys its strict policy: lists every call, takes a token, tries a call out, and nothing is complained of',
    async () => {
      const server = await startServer();
      const origin = `http://127.0.0.1:${server.port}`;
      await server.post('/v1/positions', { driverId: 'someone', latitude: 1, longitude: 2 });
      const { page, complaints, asked } = await openDocs(`${origin}/docs`);
      expect(await page.locator('.opblock').count()).toBe((await contract()).match(/ operationId: /g)?.length);
      await page.locator('button.authorize').first().click();
      await page.locator('.modal-ux input').first().fill(token());
      await page.locator('.modal-ux button.authorize').first().click();
      await page.locator('.modal-ux button.btn-done').first().click();
      const driver = page.locator('#operations-drivers-driver');
      await driver.locator('.opblock-summary-control').click();
      await driver.locator('.try-out__btn').click();
      await driver.locator('input[placeholder=driverId]').fill('someone');
      await driver.locator('button.execute').click();
      await driver.locator('.live-responses-table .response-col_status').first().waitFor();
      expect(await driver.locator('.live-responses-table').textContent()).toContain('someone');
      // Styles are applied: without its sheet the page would be as the browser draws any.
      expect(await page.evaluate(() => getComputedStyle(document.querySelector('.opblock')).borderRadius)).toBe('4px');
      expect(complaints).toEqual([]);
      for (const url of asked) expect(url).toMatch(new RegExp(`^(${origin}/|data:)`));
    },
  );
});
