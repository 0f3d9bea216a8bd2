import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { FastifyInstance } from 'fastify';

/** What Fastify tells of every app that is made. */
const MADE = 'fastify.initialization';

/**
 * Runs what makes an app, and lists all routes that were put into it, as `METHOD /path`: by what Fastify itself tells, so
 * that none can be left out.
 */
export async function withRoutes<T>(make: () => Promise<T>): Promise<{ made: T; routes: ReadonlySet<string> }> {
  const routes = new Set<string>();
  const listen = (message: unknown) => {
    const { fastify } = message as { fastify: FastifyInstance };
    fastify.addHook('onRoute', ({ method, url }) => {
      for (const one of [method].flat()) routes.add(`${one} ${url}`);
    });
  };
  subscribe(MADE, listen);
  try {
    return { made: await make(), routes };
  } finally {
    unsubscribe(MADE, listen);
  }
}
