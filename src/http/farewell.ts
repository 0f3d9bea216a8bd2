import type { FastifyReply, FastifyRequest } from 'fastify';
import { retryAfter } from '../delivery/retry.ts';
import { DomainError } from '../errors.ts';
import { encodeEvent, encodeRetry } from '../protocol/event-stream.ts';
import { setApiHeaders } from './headers.ts';

const EVENT_STREAM = 'text/event-stream';

/** Whether whoever asks is to be told in events: an EventSource says so. */
export function readsEvents(request: FastifyRequest): boolean {
  return request.headers.accept?.includes(EVENT_STREAM) === true;
}

/**
 * Answers by a stream that says why there is none and when to come back, and ends: an EventSource would never come back
 * after any status but 200 (HTML Standard, 9.2.2).
 *
 * @param seconds until it is to come back
 */
export function sendFarewell(reply: FastifyReply, code: number, reason: string, seconds: number): FastifyReply {
  setApiHeaders(reply);
  const why = { code, reason, retryAfter: seconds };
  return reply
    .type(`${EVENT_STREAM}; charset=utf-8`)
    .send(encodeRetry(seconds) + encodeEvent('close', JSON.stringify(why)));
}

/**
 * Says that there is nothing for now: to an EventSource so that it comes back.
 *
 * @param code that it is told
 * @throws what is to be said by a problem
 */
export function refuse(request: FastifyRequest, reply: FastifyReply, error: unknown, code: number): FastifyReply {
  if (!(error instanceof DomainError) || error.code !== 'unavailable' || !readsEvents(request)) throw error;
  return sendFarewell(reply, code, error.message, retryAfter());
}
