import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { healthSchema } from '../protocol/rest.ts';
import { answer, responses, sendJson } from './responses.ts';

/** What the health routes need. */
export interface HealthDeps {
  /** Resolves when the instance can do all its work; rejects when it cannot. */
  readonly ready: () => Promise<void>;
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

  const isReadyInTime = async () => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(resolve, READY_TIME, false);
    });
    const answered = ready().then(
      () => true,
      () => false,
    );
    const isReady = await Promise.race([answered, late]);
    clearTimeout(timer);
    return isReady;
  };

  app.get(
    '/readyz',
    {
      config: { overload: 'serve', rateLimit: false },
      schema: {
        operationId: 'ready',
        tags: ['health'],
        summary: 'Whether it should get traffic: the index is loaded and the store answers',
        response: responses({ 200: answer('It should.', healthSchema), 503: answer('It should not.', healthSchema) }),
      },
    },
    async (_request, reply) => {
      const isReady = await isReadyInTime();
      return sendJson(reply.code(isReady ? 200 : 503), `{"status":"${isReady ? 'ok' : 'unavailable'}"}`);
    },
  );
};
