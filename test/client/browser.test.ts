import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { stripTypeScriptTypes } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { MemoryStore } from '../../src/store/memory.ts';
import { MemoryReplays } from '../../src/store/memory-replays.ts';
import { MemoryTracks } from '../../src/store/memory-tracks.ts';
import { startServer, token } from '../support/server.ts';
import { describeWith } from '../support/services.ts';

const CLIENT = join(import.meta.dirname, '../../src/client');

/** What the page does; it tells what it saw to `/told`. */
const PAGE = `<!doctype html><meta charset="utf-8"><script type="module">
import { Nearcast, webStorage } from '/index.ts';
const told = [];
try {
  const [url, token] = decodeURIComponent(location.hash.slice(1)).split(' ');
  const nearcast = new Nearcast({ url, token: () => token });
  const track = nearcast.track({ driverId: 'a', storage: webStorage('fixes') });
  let verdicts = '';
  track.on('verdict', ({ verdict }) => { verdicts += ' ' + verdict; });
  track.send({ latitude: 30, longitude: -97 });
  await track.flush();
  const circle = { latitude: 30, longitude: -97, radius: 1000 };
  const answer = await nearcast.nearby(circle);
  const watch = nearcast.watch(circle, { from: answer });
  await watch.ready;
  told.push([...watch.drivers.keys()].join());
  for await (const { move } of watch) {
    if (move.length > 0) break;
    track.send({ latitude: 30.001, longitude: -97 });
  }
  told.push('moved');
  await track.flush();
  const replay = nearcast.replay(circle, { from: Date.now() - 60_000, speed: 3600 });
  await replay.ended;
  told.push(replay.drivers.get('a').latitude);
  await nearcast.close();
  told.push(verdicts, nearcast.state, localStorage.length);
} catch (error) {
  told.push(String(error));
}
await fetch('/told', { method: 'POST', body: JSON.stringify(told) });
</script>`;

function findChromium(): string | undefined {
  for (const name of ['chromium', 'chromium-browser', 'google-chrome']) {
    try {
      return execFileSync('which', [name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    } catch {}
  }
  return undefined;
}

describeWith('Chromium', findChromium(), 'the client in a browser', (chromium) => {
  test('tracks, asks, watches and replays, with the platform’s own WebSocket, fetch and localStorage', async () => {
    const store = new MemoryStore(undefined, 0);
    const history = { tracks: new MemoryTracks(store), replays: new MemoryReplays(store) };
    const { port } = await startServer({ env: { CORS_ORIGINS: '*' }, store, history });
    const site = createServer().listen(0, '127.0.0.1');
    const told = new Promise<unknown>((resolve) => {
      site.on('request', async (request, response) => {
        const name = basename(request.url ?? '');
        if (name === 'told') {
          response.end();
          resolve(JSON.parse(await text(request)));
        } else if (name.endsWith('.ts')) {
          const source = await readFile(join(CLIENT, name), 'utf8');
          response.setHeader('content-type', 'text/javascript; charset=utf-8').end(stripTypeScriptTypes(source));
        } else response.setHeader('content-type', 'text/html').end(PAGE);
      });
    });
    await once(site, 'listening');
    const profile = await mkdtemp(join(tmpdir(), 'nearcast-chromium-'));
    const address = `http://127.0.0.1:${(site.address() as AddressInfo).port}/`;
    const options = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'];
    const hash = encodeURIComponent(`http://127.0.0.1:${port} ${token()}`);
    const browser = spawn(chromium, [...options, `--user-data-dir=${profile}`, `${address}#${hash}`], {
      stdio: 'ignore',
    });
    onTestFinished(async () => {
      const ended = once(browser, 'exit');
      browser.kill();
      await ended;
      site.closeAllConnections();
      site.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    });
    expect(await told).toEqual(['a', 'moved', 30.001, ' accepted accepted', 'idle', 0]);
  });
});
