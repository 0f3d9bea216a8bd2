import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { expect, onTestFinished } from 'vitest';
import { MemoryStore } from '../../src/store/memory.ts';
import { MemoryReplays } from '../../src/store/memory-replays.ts';
import { MemoryTracks } from '../../src/store/memory-tracks.ts';
import type { Message } from '../support/client.ts';
import { startServer, type TestServer } from '../support/server.ts';

/** A page of a phone, and what must not happen on it. */
export interface Phone {
  readonly context: BrowserContext;
  readonly page: Page;
  /** Errors of scripts, what the policy of the page refused, and requests to anybody else; to be empty. */
  readonly faults: string[];
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** A server with its pages and a history. */
export function startWithHistory(env: Record<string, string> = {}): Promise<TestServer> {
  const store = new MemoryStore(undefined, 0);
  return startServer({ env, store, history: { tracks: new MemoryTracks(store), replays: new MemoryReplays(store) } });
}

/** Opens a page as a phone does. */
export async function openPhone(
  browser: Browser,
  server: Pick<TestServer, 'port'>,
  path: string,
  options: BrowserContextOptions = {},
): Promise<Phone> {
  const context = await browser.newContext({ viewport: { width: 390, height: 844 }, ...options });
  onTestFinished(() => context.close());
  return { context, ...(await openTab(context, originOf(server) + path)) };
}

/** Opens one more tab. */
export async function openTab(context: BrowserContext, url: string): Promise<Omit<Phone, 'context'>> {
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('pageerror', (error) => void faults.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(message.text());
  });
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== new URL(url).origin) faults.push(`asked ${request.url()}`);
  });
  await page.goto(url);
  return { page, faults };
}

/** Where a server is, as a page is called that may know where it is. */
export function originOf({ port }: Pick<TestServer, 'port'>): string {
  return `http://127.0.0.1:${port}`;
}

/** Expects axe to find nothing serious, in light and dark. */
export async function expectAccessible(page: Page): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await expect.poll(() => page.evaluate(() => document.documentElement.dataset.theme)).toBe(colorScheme);
    // A script tag would be refused by the page’s policy.
    await page.evaluate(AXE);
    const { violations } = await page.evaluate(() => (window as Message).axe.run());
    const serious = violations.filter(({ impact }: Message) => impact === 'serious' || impact === 'critical');
    const told = serious.map(({ id, nodes }: Message) => `${colorScheme} ${id}: ${nodes.map((n: Message) => n.html)}`);
    expect(told).toEqual([]);
  }
}

// Scripts of pages run in the browser: what they use is there, not here.
declare const document: Message;
declare const window: unknown;
