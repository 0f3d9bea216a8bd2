import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Authenticate } from '../auth/tokens.ts';
import { allow } from './access.ts';
import { responses } from './responses.ts';

/** What the route of metrics needs. */
export interface MetricsDeps {
  readonly authenticate: Authenticate;
  /** Everything, as text. */
  readonly metrics: { read(): Promise<string>; readonly contentType: string };
}

/** `GET /metrics`, for Prometheus. */
export const metricsRoutes: FastifyPluginAsyncZod<MetricsDeps> = async (app, { authenticate, metrics }) => {
  app.get(
    '/metrics',
    {
      config: { overload: 'serve' },
      onRequest: allow(authenticate, (principal) => principal.canReadMetrics, 'metrics:read'),
      schema: {
        operationId: 'metrics',
        tags: ['health'],
        summary: 'What the instance does, in numbers',
        description:
          'In the text format of Prometheus. They are of the whole instance, all fleets together, and name nobody. docs/operations.md lists them.',
        security: [{ token: [] }, { tokenInQuery: [] }],
        response: responses(
          { 200: { description: 'All metrics.', content: { 'text/plain': { schema: z.string() } } } },
          401,
          403,
        ),
      },
    },
    async (_request, reply) => reply.header('content-type', metrics.contentType).send(await metrics.read()),
  );
};
