import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { streetStyle, THEMES } from './street-style.ts';
import type { Streets } from './streets.ts';

/** A server of the style of simulated streets, for browsers on this machine. */
export interface StyleServer {
  /** With `{theme}` where the theme's name belongs. */
  readonly url: string;
  close(): Promise<void>;
}

/** Serves the style of streets on a free port of the loopback address, to pages of any origin. */
export async function serveStyle(streets: Streets): Promise<StyleServer> {
  const styles = new Map(
    THEMES.map((theme) => [`/${theme}.json`, Buffer.from(JSON.stringify(streetStyle(streets, theme)))]),
  );
  const server = createServer((request, response) => {
    // All of it is public, and none of it is worth a secret: a page's origin has a port that is not known yet.
    response.setHeader('access-control-allow-origin', '*');
    const style = styles.get(request.url ?? '');
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (style === undefined || !isRead) response.writeHead(style === undefined ? 404 : 405).end();
    else response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache' }).end(style);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/{theme}.json`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
