import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { healthSchema } from '../protocol/rest.ts';
import { answer, responses, sendJson } from './responses.ts';

/**
 * How an instance is that should get traffic: `degraded` when it cannot tell the others what happens, nor hear it, and goes on
 * with what is its own and what the store has.
 */
export type Readiness = 'ok' | 'degraded';

/** What the health routes need. */
export interface HealthDeps {
  /** Resolves when the instance can do its work; rejects when it cannot. */
  readonly ready: () => Promise<Readiness>;
}

/** Milliseconds for the answer: a probe gives up before a database that hangs does. */
const READY_TIME = 2_000;

/** `GET /livez` and `GET /readyz`, for whoever runs the instance; no token. */
export const healthRoutes: FastifyPluginAsyncZod<HealthDeps> = async (app, { ready }) => {
  app.get(
    '/livez',
    {
      config: { overload: 'serve', rateLimit: false },
      schema: {
        operationId: 'live',
        tags: ['health'],
        summary: 'Whether the process answers',
        response: responses({ 200: answer('It does.', healthSchema) }),
      },
    },
    (_request, reply) => sendJson(reply, '{"status":"ok"}'),
  );

  const readyInTime = async (): Promise<Readiness | undefined> => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(resolve, READY_TIME, undefined);
    });
    const readiness = await Promise.race([ready().catch(() => undefined), late]);
    clearTimeout(timer);
    return readiness;
  };

  app.get(
    '/readyz',
    {
      config: { overload: 'serve', rateLimit: false },
      schema: {
        operationId: 'ready',
        tags: ['health'],
        summary: 'Whether it should get traffic: the index is loaded and the store answers',
        description:
          'Of several instances one is `degraded` while it cannot tell the others what happens, nor hear it: it serves what its own clients send and what the store has.',
        response: responses({ 200: answer('It should.', healthSchema), 503: answer('It should not.', healthSchema) }),
      },
    },
    async (_request, reply) => {
      const readiness = await readyInTime();
      return sendJson(reply.code(readiness === undefined ? 503 : 200), `{"status":"${readiness ?? 'unavailable'}"}`);
    },
  );
};
