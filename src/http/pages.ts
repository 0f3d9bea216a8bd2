import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import helmet from '@fastify/helmet';
import type { FastifyInstance } from 'fastify';
import { readAssets, serveAssets } from './assets.ts';
import { isKnown, tagOf } from './entity-tag.ts';
import { useApiHeaders } from './headers.ts';
import { pageHeaders } from './page-policy.ts';
import { sendProblem } from './problem.ts';

/** What the server tells its pages, in their HTML. */
export interface PageSettings {
  readonly version: string;
  /** Where the style of the base map is, for each theme; null: there is none but what the pages bring. */
  readonly mapStyle: { readonly light: string; readonly dark: string } | null;
  readonly maxRadiusMeters: number;
  readonly driverTtlSeconds: number;
  readonly historyRetentionDays: number;
}

/** What the pages are made of. */
export interface PagesDeps {
  /** Where they were built. */
  readonly dir: string;
  readonly settings: PageSettings;
  /** Whatever else than this server a base map is loaded from. */
  readonly mapOrigins: readonly string[];
}

/** The pages by their paths. */
const PAGES = { '/': 'index.html', '/driver': 'driver.html', '/rider': 'rider.html' };

/** Serves the pages at `/`, `/driver` and `/rider`, and what they load under `/assets/`, as they were built at the start. */
export async function usePages(app: FastifyInstance, { dir, settings, mapOrigins }: PagesDeps): Promise<void> {
  const built = readPages(dir);
  if (built === undefined) {
    app.log.warn(`the pages are not built: npm run build:web makes them in ${dir}`);
    await app.register(async (missing) => explainMissing(missing));
    return;
  }
  const assets = readAssets(join(dir, 'assets'));
  await app.register(async (pages) => {
    pages.addHook('onRoute', (route) => {
      // Cheap, and no use by halves: a page that is refused some of its files, or comes only when there is room, could
      // not come back by itself as one that is there does; and drivers are heard even then.
      route.config = { ...route.config, overload: 'serve', rateLimit: false };
    });
    await pages.register(helmet, {
      ...pageHeaders({
        // MapLibre GL draws what it makes of sprites and tiles by way of blobs.
        imgSrc: ['blob:', ...mapOrigins],
        connectSrc: mapOrigins,
        workerSrc: ["'self'"],
        fontSrc: ["'self'"],
        manifestSrc: ["'self'"],
      }),
    });
    pages.addHook('onRequest', (_request, reply, done) => {
      reply.header('permissions-policy', 'geolocation=(self)');
      done();
    });
    for (const [path, html] of built) servePage(pages, path, withSettings(html, settings));
    serveAssets(pages, assets);
  });
}

/** Where there are no pages `/` leads to the API reference, which is all that is left to be looked at. */
export async function leadToReference(app: FastifyInstance): Promise<void> {
  await app.register(async (scope) => {
    useApiHeaders(scope);
    scope.get('/', { schema: { hide: true } }, (_request, reply) => reply.redirect('/docs'));
  });
}

/** The HTML of all pages by their paths; undefined when one is not there. */
function readPages(dir: string): [path: string, html: string][] | undefined {
  try {
    return Object.entries(PAGES).map(([path, name]) => [path, readFileSync(join(dir, name), 'utf8')]);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '"': '&quot;', "'": '&#39;', '<': '&lt;', '>': '&gt;' };

/** Puts the settings where the page looks for them: it need not ask. */
function withSettings(html: string, settings: PageSettings): string {
  const content = JSON.stringify(settings).replace(/[&"'<>]/g, (character) => ENTITIES[character]);
  // By a function, as text might have a `$` that stands for something.
  return html.replace(/(<meta name="nearcast" content=)""/, (_, start: string) => `${start}"${content}"`);
}

function servePage(pages: FastifyInstance, path: string, html: string): void {
  const tag = tagOf(html);
  pages.get(path, { schema: { hide: true } }, (request, reply) => {
    reply.headers({ 'cache-control': 'no-cache', etag: tag });
    if (isKnown(request.headers['if-none-match'], tag)) return reply.code(304).send();
    return reply.type('text/html; charset=utf-8').send(html);
  });
}

/** Says what to do. Not by 503, on which a proxy would leave the whole instance alone. */
function explainMissing(scope: FastifyInstance): void {
  const detail = 'The pages are not built on this server: run npm run build:web, then start it again.';
  for (const path of Object.keys(PAGES)) {
    scope.get(path, { schema: { hide: true } }, (_request, reply) => sendProblem(reply, 'not_found', detail));
  }
}
