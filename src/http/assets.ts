import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { isKnown, tagOf } from './entity-tag.ts';

/** One way in which an asset is sent. */
interface Form {
  /** Its Content-Encoding; undefined: as it is. */
  readonly coding: string | undefined;
  readonly data: Buffer;
  readonly tag: string;
}

/** A file that pages load. */
interface Asset {
  readonly name: string;
  readonly type: string;
  /** The smallest first; at the end as it is. */
  readonly forms: readonly Form[];
}

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'application/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.mjs': 'application/javascript; charset=utf-8',
  '.svg': 'image/svg+xml; charset=utf-8',
};
/** The codings in which files may be beside their asset, by how they end. */
const CODINGS = { '.br': 'br', '.gz': 'gzip' } as const;
/** A name of what is in it is never given to anything else. */
const FOR_EVER = 'public, max-age=31536000, immutable';

/**
 * All files of a directory, in memory (some megabytes): pages go on to find what they name when others are built in their
 * place, until the server starts again.
 */
export function readAssets(dir: string): Asset[] {
  const names = new Set(readdirSync(dir));
  return [...names]
    .filter((name) => !(extname(name) in CODINGS))
    .map((name) => {
      const small = Object.entries(CODINGS).filter(([end]) => names.has(name + end));
      const forms = [...small, ['', undefined] as const].map(([end, coding]) => {
        const data = readFileSync(join(dir, name + end));
        return { coding, data, tag: tagOf(data) };
      });
      return { name, type: TYPES[extname(name)] ?? 'application/octet-stream', forms };
    });
}

/** Serves assets under `/assets/`: a route for each, and for no other path, however it is written. */
export function serveAssets(pages: FastifyInstance, assets: readonly Asset[]): void {
  for (const { name, type, forms } of assets) {
    pages.get(`/assets/${name}`, { schema: { hide: true } }, (request, reply) => {
      const takes = codingsIn(request.headers['accept-encoding']);
      const { coding, data, tag } = forms.find((form) => form.coding === undefined || takes(form.coding)) as Form;
      const vary = reply.getHeader('vary');
      reply.headers({
        'cache-control': FOR_EVER,
        etag: tag,
        vary: vary === undefined ? 'accept-encoding' : `${vary}, accept-encoding`,
      });
      if (isKnown(request.headers['if-none-match'], tag)) return reply.code(304).send();
      if (coding !== undefined) reply.header('content-encoding', coding);
      return reply.type(type).send(data);
    });
  }
}

/** Which codings whoever asks takes (RFC 9110, 12.5.3): those that are named, or all by `*`, unless with a weight of 0. */
function codingsIn(accepted = ''): (coding: string) => boolean {
  const weights = new Map(
    accepted.split(',').map((part) => {
      const [coding, ...parameters] = part.split(';').map((text) => text.trim().toLowerCase());
      const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
      return [coding, Number(weight ?? 1)];
    }),
  );
  return (coding) => (weights.get(coding) ?? weights.get('*') ?? 0) > 0;
}
