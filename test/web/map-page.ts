import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { build, type Rolldown } from 'vite';

const WEB = fileURLToPath(new URL('../../src/web/', import.meta.url));
const CONFIG = fileURLToPath(new URL('../../vite.config.ts', import.meta.url));

/** What the page's scripts find in the window. */
const ENTRY = `
  import '${WEB}ui/theme.css';
  import { BaseMap } from '${WEB}map/base-map.ts';
  import { bboxOf } from '${WEB}map/bbox.ts';
  import { ABOVE_DRIVERS } from '${WEB}map/order.ts';
  import { Overlay } from '${WEB}map/overlay.ts';
  Object.assign(window, { ABOVE_DRIVERS, BaseMap, bboxOf, Overlay });
`;

const TYPES: Record<string, string> = {
  js: 'text/javascript',
  mjs: 'text/javascript',
  css: 'text/css',
  json: 'application/json',
};

/**
 * Builds the map as the pages have it, and serves it on a page of nothing else, under the pages' policy.
 *
 * @param origins of maps, which the policy lets in
 */
export async function serveMapPage(origins: () => readonly string[]): Promise<{ url: string; close(): Promise<void> }> {
  const files = await buildMap();
  files.set('page.css', 'html, body, #map { margin: 0; width: 100%; height: 100% }');
  const server = createServer((request, response) => {
    const path = new URL(request.url as string, 'http://page').pathname.slice(1);
    if (path === '') {
      response.setHeader('content-type', 'text/html').setHeader('content-security-policy', policy(origins()));
      response.end(page([...files.keys()]));
      return;
    }
    const body = files.get(path);
    if (body === undefined) response.statusCode = 404;
    response.setHeader('content-type', TYPES[path.split('.').at(-1) as string] ?? 'application/octet-stream').end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** The built files by their paths. */
async function buildMap(): Promise<Map<string, string | Uint8Array>> {
  const output = (await build({
    configFile: CONFIG,
    logLevel: 'error',
    build: { write: false, rolldownOptions: { input: 'map-page' } },
    plugins: [
      {
        name: 'map-page',
        enforce: 'pre',
        resolveId: (id: string) => (id === 'map-page' ? '\0map-page.js' : undefined),
        load: (id: string) => (id === '\0map-page.js' ? ENTRY : undefined),
      },
    ],
  })) as Rolldown.RolldownOutput;
  return new Map(output.output.map((file) => [file.fileName, file.type === 'chunk' ? file.code : file.source]));
}

function page(files: readonly string[]): string {
  const [script] = files.filter((file) => /map-page.*\.js$/.test(file));
  const styles = files.filter((file) => file.endsWith('.css'));
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>map</title>
    <link rel="icon" href="data:," />
    <link rel="stylesheet" href="/page.css" />
    ${styles.map((style) => `<link rel="stylesheet" href="./${style}" />`).join('\n    ')}
    <script type="module" src="./${script}"></script>
  </head>
  <body><div id="map"></div></body>
</html>`;
}

function policy(origins: readonly string[]): string {
  const maps = origins.join(' ');
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    `img-src 'self' data: blob: ${maps}`,
    `connect-src 'self' ${maps}`,
    "worker-src 'self'",
    "font-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}
