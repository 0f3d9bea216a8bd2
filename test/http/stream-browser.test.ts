import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { areasIn } from '../support/areas.ts';
import { Belief, type Message } from '../support/belief.ts';
import { findChromium, openPage, startChromium } from '../support/browser.ts';
import { Network } from '../support/network.ts';
import { turns } from '../support/pressure.ts';
import { seeded } from '../support/random.ts';
import { startServer, token } from '../support/server.ts';
import { describeWith } from '../support/services.ts';
import { slowTest } from '../support/slow.ts';
import { Traffic } from '../support/traffic.ts';

// Scripts of pages run in the browser: what they use is there, not here.
declare const hear: (message: Message) => void;
declare const window: Message;

const [circle] = areasIn([30, -97], 'd0');
/** Has connections be asked to come back as soon as any is. */
function comeBackSoon(): void {
  const mock = vi.spyOn(Math, 'random').mockReturnValue(0);
  onTestFinished(() => mock.mockRestore());
}

const patience = { timeout: 20_000 };

describeWith('Chromium', findChromium(), 'the EventSource and WebSocket of a browser', (path) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startChromium(path);
  });
  afterAll(() => browser.close());

  test.each([
    ['its own', true, {}],
    ['another', false, { CORS_ORIGINS: '*' }],
  ])(
    '[14.2] in a page of %s origin an EventSource comes back by itself after a cut, and goes on from there',
    async (_, own, env: Record<string, string>) => {
      const random = seeded('browser stream');
      comeBackSoon();
      const server = await startServer({ env });
      const traffic = new Traffic(server, random, 50, [30, -97]);
      const network = await Network.to(server.port);
      const origin = `http://127.0.0.1:${network.port}`;
      const { page, heard } = await openPage(browser, own ? origin : undefined);
      await page.evaluate((url) => {
        const source = new EventSource(url);
        for (const event of ['snapshot', 'changes']) {
          source.addEventListener(event, ({ data, lastEventId }: Message) =>
            hear({ message: JSON.parse(data), lastEventId }),
          );
        }
        window.source = source;
      }, `${origin}/v1/stream?${circle.query}&access_token=${token()}`);
      const belief = new Belief();
      const caughtUp = () => {
        for (const { message, lastEventId } of heard.splice(0)) {
          belief.hear(message);
          expect(lastEventId).toBe(message.cursor);
        }
        return traffic.isBelieved(belief, circle);
      };
      await vi.waitUntil(caughtUp, patience);
      for (let round = 0; round < 2; round++) {
        traffic.move(10);
        await vi.waitUntil(caughtUp, patience);
        network.cut();
        traffic.move(10);
        await vi.waitUntil(() => caughtUp() && belief.resumed > round, patience);
      }
      expect(belief).toMatchObject({ contradictions: [], full: 1, resumed: 2 });
      expect(await page.evaluate(() => window.source.readyState)).toBe(1);
    },
  );

  slowTest('[14.4] an EventSource hears of the close, and keeps the cursor to come back with', async () => {
    comeBackSoon();
    const server = await startServer();
    const { page, heard } = await openPage(browser, `http://127.0.0.1:${server.port}`);
    await page.evaluate((url) => {
      const source = new EventSource(url);
      for (const event of ['snapshot', 'close']) {
        source.addEventListener(event, ({ data, lastEventId }: Message) =>
          hear({ event, data: JSON.parse(data), lastEventId }),
        );
      }
      source.onerror = () => hear({ event: 'error', state: source.readyState });
    }, `/v1/stream?access_token=${token()}`);
    await vi.waitUntil(() => heard.length > 0, patience);
    await server.app.close();
    await vi.waitUntil(() => heard.length > 2, patience);
    expect(heard.slice(0, 3)).toMatchObject([
      { event: 'snapshot', lastEventId: heard[0].data.cursor },
      // It has no id of its own, so the last cursor is what the browser comes back with.
      { event: 'close', data: { code: 1001 }, lastEventId: heard[0].data.cursor },
      { event: 'error', state: 0 },
    ]);
  });

  slowTest('[14.5] an EventSource without a token that is valid stops', async () => {
    const server = await startServer();
    const { page, heard } = await openPage(browser, `http://127.0.0.1:${server.port}`);
    await page.evaluate(() => {
      const source = new EventSource('/v1/stream?access_token=no');
      source.onerror = () => hear({ state: source.readyState });
    });
    await vi.waitUntil(() => heard.length > 0, patience);
    expect(heard).toEqual([{ state: 2 }]);
  });

  test('[1.3, 6.8] a WebSocket brings its token as a subprotocol, is told what is so, and hears why it is closed', async () => {
    const random = seeded('browser socket');
    // The page is another server's.
    const server = await startServer({ env: { CORS_ORIGINS: '*' } });
    const traffic = new Traffic(server, random, 50, [30, -97]);
    const { page, heard } = await openPage(browser);
    await page.evaluate(
      ([url, bearer]) => {
        const socket = new WebSocket(url, ['nearcast.v1', bearer]);
        socket.onmessage = ({ data }) => hear(JSON.parse(data));
        socket.onclose = ({ code, reason }) => hear({ type: 'closed', code, reason, protocol: socket.protocol });
      },
      [`ws://127.0.0.1:${server.port}/ws?${circle.query}`, `bearer.${token()}`],
    );
    const belief = new Belief();
    for (let turn = 0; turn < 20; turn++) {
      traffic.move(10);
      await turns();
    }
    const caughtUp = () => {
      for (const message of heard.splice(0)) belief.hear(message);
      return belief.full === 1 && traffic.isBelieved(belief, circle);
    };
    await vi.waitUntil(caughtUp, patience);
    expect(belief.contradictions).toEqual([]);
    await server.app.close();
    await vi.waitUntil(() => heard.length === 2, patience);
    expect(heard).toMatchObject([
      { type: 'error', code: 'unavailable', retryAfter: expect.any(Number) },
      { type: 'closed', code: 1001, protocol: 'nearcast.v1' },
    ]);
  });
});
