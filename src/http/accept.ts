import type { FastifyReply, FastifyRequest } from 'fastify';
import { GEOJSON } from '../protocol/geojson.ts';

const NAMES_IT = /geo\+json/i;

/** Whether the answer is to be GeoJSON rather than JSON. Takes note in the reply that it depends on that. */
export function wantsGeoJson(request: FastifyRequest, reply: FastifyReply): boolean {
  varyByAccept(reply);
  const { accept } = request.headers;
  // Hardly any names it, and taking ranges apart for nothing is not for the hot path.
  return accept !== undefined && NAMES_IT.test(accept) && preferred(accept, ['application/json', GEOJSON]) === GEOJSON;
}

/**
 * The media type to answer with, of those that there are. Takes note in the reply that it depends on what was asked for.
 *
 * @param offered the first is for whoever names none
 */
export function negotiate<T extends string>(
  request: FastifyRequest,
  reply: FastifyReply,
  offered: readonly [T, ...T[]],
): T {
  varyByAccept(reply);
  const { accept } = request.headers;
  return accept === undefined ? offered[0] : preferred(accept, offered);
}

function varyByAccept(reply: FastifyReply): void {
  const vary = reply.getHeader('vary');
  reply.header('vary', vary === undefined ? 'accept' : `${vary}, accept`);
}

/** One that was asked for: a type, all of a kind (`text/*`) or any, and how much it is wanted, 0 … 1. */
interface MediaRange {
  readonly name: string;
  readonly weight: number;
}

/**
 * What an `Accept` header prefers of what there is (RFC 9110, 12.5.1): of each type the most specific range counts. Of
 * types that are wanted alike it is the one whose range is more specific, then the one that is named first. A header that
 * none of them meets is passed over, as the RFC allows, for the answer says what it is; clients that name a type of theirs
 * by habit would otherwise get nothing.
 *
 * @param offered the first is for whoever wants none or any
 */
export function preferred<T extends string>(accept: string, offered: readonly [T, ...T[]]): T {
  const ranges = accept.split(',').map(toRange);
  let best = offered[0];
  let bestWeight = 0;
  let bestRank = 0;
  for (const type of offered) {
    const kind = `${type.slice(0, type.indexOf('/'))}/*`;
    for (const [specificity, name] of [type, kind, '*/*'].entries()) {
      const at = ranges.findIndex((range) => range.name === name);
      if (at === -1) continue;
      const { weight } = ranges[at];
      const rank = specificity * ranges.length + at;
      if (weight > bestWeight || (weight > 0 && weight === bestWeight && rank < bestRank)) {
        best = type;
        bestWeight = weight;
        bestRank = rank;
      }
      break;
    }
  }
  return best;
}

/** Parameters but the weight say nothing here: no type is offered in two ways. */
function toRange(text: string): MediaRange {
  const [name, ...parameters] = text.split(';').map((part) => part.trim().toLowerCase());
  const weight = parameters.find((parameter) => parameter.startsWith('q='));
  return { name, weight: weight === undefined ? 1 : toWeight(weight.slice(2)) };
}

/** A weight that is none is taken for none given. */
function toWeight(text: string): number {
  return /^(0(\.\d*)?|1(\.0*)?)$/.test(text) ? Number(text) : 1;
}
