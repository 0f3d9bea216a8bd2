import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Browser, chromium, type LaunchOptions, type Page } from 'playwright-core';
import { onTestFinished } from 'vitest';
import type { Message } from './belief.ts';

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
];

/** The machine's own Chromium, or nothing. */
export function findChromium(): string | undefined {
  return PLACES.find((path) => existsSync(path));
}

/** It calls nobody of its own. */
const QUIET = [
  '--no-sandbox',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

/** Starts a browser of no window, which calls nobody of its own. */
export function startChromium(executablePath: string, more: readonly string[] = []): Promise<Browser> {
  return chromium.launch({ executablePath, headless: true, args: [...QUIET, '--disable-gpu', ...more] });
}

/** The same with WebGL, which the processor draws: maps need it. */
export function startMapChromium(
  executablePath: string,
  { args = [], ...options }: LaunchOptions = {},
): Promise<Browser> {
  const drawing = ['--enable-unsafe-swiftshader', '--use-angle=swiftshader'];
  return chromium.launch({ executablePath, headless: true, args: [...QUIET, ...drawing, ...args], ...options });
}

/**
 * A page, empty, whose scripts tell the test what they hear by a function `hear`.
 *
 * @param origin of the page; without one, that of a server of its own
 */
export async function openPage(browser: Browser, origin?: string): Promise<{ page: Page; heard: Message[] }> {
  const page = await browser.newPage();
  onTestFinished(() => page.close());
  const heard: Message[] = [];
  await page.exposeFunction('hear', (message: Message) => void heard.push(message));
  const url = `${origin ?? (await serveNothing())}/page`;
  if (origin !== undefined) await page.route(url, (route) => route.fulfill(EMPTY));
  await page.goto(url);
  return { page, heard };
}

const EMPTY = { contentType: 'text/html', body: '<!doctype html><title>page</title>' };

async function serveNothing(): Promise<string> {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', EMPTY.contentType).end(EMPTY.body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => server.closeAllConnections());
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
