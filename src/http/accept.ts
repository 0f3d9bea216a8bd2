import type { FastifyReply, FastifyRequest } from 'fastify';
import { GEOJSON } from '../protocol/geojson.ts';

/** Whether the answer is to be GeoJSON. Takes note in the reply that it depends on that. */
export function wantsGeoJson(request: FastifyRequest, reply: FastifyReply): boolean {
  const vary = reply.getHeader('vary');
  reply.header('vary', vary === undefined ? 'accept' : `${vary}, accept`);
  return request.headers.accept?.includes(GEOJSON) ?? false;
}
