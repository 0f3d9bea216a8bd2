import type { FastifyInstance } from 'fastify';
import { DomainError } from '../errors.ts';
import { isTooDeep, TOO_DEEP } from '../protocol/nesting.ts';

/** Has bodies of a type read as JSON, which must be neither nested too deep nor name what would change a prototype. */
export function readJson(app: FastifyInstance, type: string): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser(type, { parseAs: 'string' }, (request, body, done) => {
    if (isTooDeep(body as string)) done(DomainError.invalid([{ field: '', message: TOO_DEEP }]));
    else parse(request, body as string, done);
  });
}
