import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { GEOJSON } from '../protocol/geojson.ts';
import { problemSchema } from '../protocol/rest.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** Milliseconds for which a peer may read nothing of a long answer. */
    readonly slowTime: number;
  }
}

const PROBLEMS = {
  400: 'The request breaks a rule; `errors` names the fields.',
  401: 'No token, or not a valid one.',
  403: 'The token does not allow this.',
  404: 'There is no such thing.',
  413: 'The request has too many bytes.',
  415: 'Not a content type that this call takes.',
  429: 'More than a limit allows.',
  503: 'Not now; try again after `Retry-After` seconds.',
} as const;

/** An answer of a route: in words, and its schema by media type. */
interface Answer {
  readonly description: string;
  readonly content: Readonly<Record<string, { readonly schema: z.ZodType }>>;
}

/** An answer in JSON and, where it is given, GeoJSON. */
export function answer(description: string, json: z.ZodType, geoJson?: z.ZodType): Answer {
  return {
    description,
    content: {
      'application/json': { schema: json },
      ...(geoJson === undefined ? {} : { [GEOJSON]: { schema: geoJson } }),
    },
  };
}

/**
 * All that a route may answer, for the contract. Deliberately opaque to the type provider: answers are sent as text
 * that was encoded ahead, and no serializer walks them.
 */
export function responses(
  answers: Readonly<Record<number, Answer>>,
  ...problems: readonly (keyof typeof PROBLEMS)[]
): Record<string, unknown> {
  // Who is known by a token may ask too often, and where there is too much to do, or no key of its issuer, has to wait.
  const all = problems.includes(401) ? new Set([...problems, 429 as const, 503 as const]) : problems;
  const content = { 'application/problem+json': { schema: problemSchema } };
  return {
    ...Object.fromEntries(Array.from(all, (status) => [status, { description: PROBLEMS[status], content }])),
    ...answers,
  };
}

/** An answer without content, for the contract; opaque as {@link responses} are. */
export function noContent(description: string): Record<string, unknown> {
  return { 204: z.null().describe(description) };
}

// With the charset that Fastify would otherwise put behind the type for every answer.
const JSON_TYPE = 'application/json; charset=utf-8';
const GEOJSON_TYPE = `${GEOJSON}; charset=utf-8`;

/** Characters of an answer that the system takes at once, whether its peer reads or not. */
const SHORT = 64 * 1024;

/**
 * Sends an answer. Of a long one nothing would be let go while its peer does not read: such a connection is cut. Node counts
 * the time anew as long as some of it is written, and sets another when all of it is.
 */
export function sendText(reply: FastifyReply, type: string, text: string): FastifyReply {
  if (text.length > SHORT) reply.request.raw.socket.setTimeout(reply.server.slowTime);
  return reply.header('content-type', type).send(text);
}

/** Sends a text that is JSON already. */
export function sendJson(reply: FastifyReply, json: string): FastifyReply {
  return sendText(reply, JSON_TYPE, json);
}

/** Sends a text that is GeoJSON already. */
export function sendGeoJson(reply: FastifyReply, json: string): FastifyReply {
  return sendText(reply, GEOJSON_TYPE, json);
}
