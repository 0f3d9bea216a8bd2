import type { FastifyReply, FastifyRequest } from 'fastify';
import { GEOJSON } from '../protocol/geojson.ts';

const NAMES_IT = /geo\+json/i;

/** Whether the answer is to be GeoJSON. Takes note in the reply that it depends on that. */
export function wantsGeoJson(request: FastifyRequest, reply: FastifyReply): boolean {
  const vary = reply.getHeader('vary');
  reply.header('vary', vary === undefined ? 'accept' : `${vary}, accept`);
  const { accept } = request.headers;
  // Hardly any names it, and taking ranges apart for nothing is not for the hot path.
  return accept !== undefined && NAMES_IT.test(accept) && accept.split(',').some(asksForGeoJson);
}

/** Whether a media range is GeoJSON, and not with the weight 0, which asks for anything else. */
function asksForGeoJson(range: string): boolean {
  const [type, ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
  return type === GEOJSON && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
}
