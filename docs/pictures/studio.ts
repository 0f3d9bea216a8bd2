import { setTimeout as delay } from 'node:timers/promises';
import type { Browser, BrowserContextOptions, Page, WebSocketRoute } from 'playwright-core';
import type { Position } from '../../src/client/index.ts';

/** What a page is opened with. */
export interface Setting extends BrowserContextOptions {
  readonly viewport: { readonly width: number; readonly height: number };
}

/** A message that the server sent, and when it came, epoch milliseconds. */
interface Held {
  readonly at: number;
  readonly message: string;
  readonly send: (message: string) => void;
}

/** Milliseconds for which what comes from the server is waited for. */
const GRACE = 20;
/** Milliseconds of what is handed over at once, at the end of them. */
const SLICE = 50;
/** Milliseconds by which the page's clock may be late, and how often it is brought nearer: what came meanwhile has to be drawn too. */
const CLOSE = 500;
const TURNS = 3;
/** Milliseconds for something to be on the page: one that draws for itself is slow. */
const PATIENCE = 120_000;

/**
 * A page whose time can be made to wait for the drawing: a browser without a graphics card draws a few frames a second, in which
 * nothing glides and all seems late. From {@link play} on the page's clock goes on by steps, however long each takes to be
 * drawn, and whatever the server sends is handed over at the moment of that clock at which it came.
 */
export class Studio {
  readonly page: Page;
  /** Who is on the map, as the page was last told. */
  readonly drivers = new Map<string, Position>();
  #held: Held[] | undefined;
  /** The page's clock, epoch milliseconds; undefined while it is the machine's. */
  #time: number | undefined;

  private constructor(page: Page) {
    this.page = page;
  }

  static async open(browser: Browser, url: string, setting: Setting): Promise<Studio> {
    const context = await browser.newContext({ locale: 'en-US', timezoneId: 'America/New_York', ...setting });
    context.setDefaultTimeout(PATIENCE);
    const page = await context.newPage();
    const studio = new Studio(page);
    page.on('pageerror', (error) => console.error(`An error on the page: ${error.stack}`));
    await page.routeWebSocket(/\/ws\b/, (route) => studio.#connect(route));
    await page.clock.install();
    await page.goto(url);
    return studio;
  }

  picture(): Promise<Buffer> {
    return this.page.screenshot();
  }

  /** Has so many milliseconds go by on the page. @param step a multiple of {@link SLICE} @param shown called after each step, when it is drawn */
  async play(milliseconds: number, step: number, shown?: () => unknown): Promise<void> {
    const { clock } = this.page;
    if (this.#time === undefined) {
      this.#held = [];
      this.#time = await this.#stopClock();
    }
    const end = this.#time + milliseconds;
    for (let time = this.#time; time < end; time += step) {
      const until = time + step;
      await delay(Math.max(0, until + GRACE - Date.now()));
      for (let at = time + SLICE; at <= until; at += SLICE) {
        if (!(this.#held?.length && this.#held[0].at <= at)) continue;
        await clock.setSystemTime(at);
        await this.#hand(at);
      }
      await clock.setSystemTime(time);
      await clock.fastForward(step);
      this.#time = until;
      await shown?.();
    }
  }

  /** Lets the page's clock come up to the machine's: what is asked of the server from then on is answered at its time. */
  async catchUp(): Promise<void> {
    for (let turn = 0; turn < TURNS; turn++) {
      const late = this.#late;
      if (late < CLOSE) return;
      const time = this.#time as number;
      this.#time = time + late;
      await this.page.clock.setSystemTime(this.#time);
      await this.#hand(this.#time);
      await this.page.clock.setSystemTime(time);
      await this.page.clock.fastForward(late);
    }
  }

  get #late(): number {
    return this.#time === undefined ? 0 : Date.now() - this.#time;
  }

  /** Hands over what had come until then. */
  async #hand(until: number): Promise<void> {
    let isAny = false;
    while (this.#held?.length && this.#held[0].at <= until) {
      const { message, send } = this.#held.shift() as Held;
      send(message);
      this.#heard(message);
      isAny = true;
    }
    // It has arrived once something that was said later has.
    if (isAny) await this.page.evaluate('0');
  }

  /** @returns where it stands from then on: somewhat ahead, as a busy page is late to hear of it */
  async #stopClock(): Promise<number> {
    for (const ahead of [1_000, 3_000, 9_000]) {
      const time = Date.now() + ahead;
      try {
        await this.page.clock.pauseAt(time);
        return time;
      } catch (error) {
        if (!(error as Error).message.includes('to the past')) throw error;
      }
    }
    throw new Error('The page is too busy for its clock to be stopped.');
  }

  #connect(route: WebSocketRoute): void {
    const server = route.connectToServer();
    server.onMessage((data) => {
      const message = String(data);
      if (this.#held !== undefined) this.#held.push({ at: Date.now(), message, send: (text) => route.send(text) });
      else {
        route.send(message);
        this.#heard(message);
      }
    });
  }

  #heard(message: string): void {
    const { type, drivers = [], enter = [], move = [], exit = [] } = JSON.parse(message);
    if (type === 'snapshot') this.drivers.clear();
    for (const position of [...drivers, ...enter, ...move]) this.drivers.set(position.driverId, position);
    for (const { driverId } of exit) this.drivers.delete(driverId);
  }
}
