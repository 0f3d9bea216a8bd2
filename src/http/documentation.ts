import helmet from '@fastify/helmet';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { asyncApi } from '../asyncapi/document.ts';
import { useApiHeaders } from './headers.ts';
import { pageHeaders } from './page-policy.ts';

const DESCRIPTION = `Who is near, now? Drivers send positions; this API says who is near a point, or within an area.

Positions are sent and watched over the WebSocket at \`/ws\`, whose contract is [asyncapi.yaml](/asyncapi.yaml); they can also
be sent over HTTP. Every call but health, contracts and documentation needs a token: \`Authorization: Bearer TOKEN\`, or
\`?access_token=TOKEN\` with GET. Errors are \`application/problem+json\` (RFC 9457) with a stable \`code\`.`;

/**
 * Makes the contracts of the zod schemas of routes and messages, and serves them unless told otherwise: `/openapi.yaml`, with
 * a page for it at `/docs`, and `/asyncapi.yaml` of the WebSocket.
 *
 * @param maxRadius MAX_RADIUS_METERS
 * @param served DOCS
 */
export async function useDocumentation(
  app: FastifyInstance,
  version: string,
  maxRadius: number,
  served: boolean,
): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Nearcast', version, description: DESCRIPTION, license: { name: 'MIT', identifier: 'MIT' } },
      servers: [{ url: '/', description: 'This server' }],
      tags: [
        { name: 'drivers', description: 'Ask where drivers are' },
        { name: 'subscriptions', description: 'Watch an area' },
        { name: 'history', description: 'Ask where drivers were' },
        { name: 'positions', description: 'Send positions' },
        { name: 'access', description: 'Share what you see, and revoke' },
        { name: 'health', description: 'For whoever runs it' },
      ],
      components: {
        securitySchemes: {
          token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
          tokenInQuery: {
            type: 'apiKey',
            in: 'query',
            name: 'access_token',
            description: 'For what cannot set headers.',
          },
        },
      },
    },
    transform: jsonSchemaTransform,
    transformObject: (document) => tidy(jsonSchemaTransformObject(document)),
  });
  if (!served) return;
  await app.register(async (pages) => {
    await pages.register(helmet, pageHeaders());
    await pages.register(swaggerUi, {
      routePrefix: '/docs',
      theme: { title: 'Nearcast API' },
      // Without the bar that offers to look at other documents.
      uiConfig: { layout: 'BaseLayout' },
    });
  });
  await app.register(async (contracts) => {
    useApiHeaders(contracts);
    let contract: string | undefined;
    contracts.get('/openapi.yaml', { schema: { hide: true } }, (_request, reply) => {
      contract ??= app.swagger({ yaml: true });
      return reply.type('application/yaml').send(contract);
    });
    let webSocketContract: string | undefined;
    contracts.get('/asyncapi.yaml', { schema: { hide: true } }, (_request, reply) => {
      webSocketContract ??= asyncApi(version, maxRadius);
      return reply.type('application/yaml').send(webSocketContract);
    });
  });
}

const REFERENCE = /"#\/components\/schemas\/(\w{1,64})"/g;

/**
 * Every zod schema with an id comes as two components, for what is sent and for what is answered. This keeps those that
 * are used, and drops the suffix of the first kind where the second is not.
 */
function tidy(document: ReturnType<typeof jsonSchemaTransformObject>): ReturnType<typeof jsonSchemaTransformObject> {
  const { components } = document as { components: { schemas: Record<string, unknown> } };
  const { schemas } = components;
  const used = new Set<string>();
  const follow = (part: unknown) => {
    for (const [, name] of JSON.stringify(part).matchAll(REFERENCE)) {
      if (used.has(name)) continue;
      used.add(name);
      follow(schemas[name]);
    }
  };
  follow({ ...document, components: undefined });
  const nameOf = (name: string) => {
    const short = name.replace(/Input$/, '');
    return used.has(short) ? name : short;
  };
  const kept = Object.fromEntries([...used].sort().map((name) => [nameOf(name), schemas[name]]));
  const text = JSON.stringify({ ...document, components: { ...components, schemas: kept } });
  return JSON.parse(text.replace(REFERENCE, (_, name) => JSON.stringify(`#/components/schemas/${nameOf(name)}`)));
}
