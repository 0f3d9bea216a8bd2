import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { endWith } from '../delivery/last-words.ts';
import { DomainError, type ErrorCode, type Fault } from '../errors.ts';
import { DATA_HEADERS } from '../protocol/data-headers.ts';
import { encodeProblem, rawProblem, STATUS } from '../protocol/problem.ts';
import { setApiHeaders } from './headers.ts';

/** What an HTTP status that Fastify chose means in our codes. */
function codeOf(status: number): ErrorCode {
  if (status >= 500) return status === 503 ? 'unavailable' : 'internal';
  const code = (Object.keys(STATUS) as ErrorCode[]).find((code) => STATUS[code] === status);
  return code ?? 'invalid';
}

/** Sends an error as `application/problem+json` (RFC 9457). */
export function sendProblem(
  reply: FastifyReply,
  code: ErrorCode,
  detail: string,
  faults: readonly Fault[] = [],
  status: number = STATUS[code],
): FastifyReply {
  setApiHeaders(reply);
  if (status === 401) reply.header('www-authenticate', 'Bearer');
  if (status === 503 && !reply.hasHeader('retry-after')) reply.header('retry-after', '1');
  return reply
    .code(status)
    .type('application/problem+json')
    .send(encodeProblem(code, detail, status, faults, reply.request.id));
}

/** Answers every error, whoever threw it, as a problem. What is our own fault is logged and told to nobody. */
export function handleError(error: FastifyError | DomainError, request: FastifyRequest, reply: FastifyReply): void {
  if (error instanceof DomainError) {
    sendProblem(reply, error.code, error.message, error.faults);
    return;
  }
  if (error.code === 'FST_ERR_CTP_INVALID_JSON_BODY') {
    const detail =
      'The body is not valid JSON, or has a key that no object may have: __proto__, constructor.prototype.';
    sendProblem(reply, 'invalid', detail);
    return;
  }
  const status = error.statusCode ?? 500;
  if (status >= 500) {
    request.log.error({ err: error, reqId: request.id }, 'request failed');
    sendProblem(reply, codeOf(status), 'The server failed. Quote the requestId when you report it.', [], status);
    return;
  }
  sendProblem(reply, codeOf(status), detailOf(error, request, status), [], status);
}

/** Says what was wrong in Fastify's words, where they quote nothing: a URL may hold a token. */
function detailOf(error: FastifyError, request: FastifyRequest, status: number): string {
  if (status === 415) return wantedTypes(request);
  return error.code === 'FST_ERR_BAD_URL' ? 'The path is not percent-encoded as it must be.' : error.message;
}

/** What a route that was sent another content type takes. */
function wantedTypes(request: FastifyRequest): string {
  const { consumes = ['application/json'] } = request.routeOptions.schema ?? {};
  return `The content type must be ${consumes.join(' or ')}.`;
}

/** Answers what Node could not read as HTTP: no request, no reply, just a socket. */
export function handleClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  // More of what was refused: a reset would overtake the answer.
  if (socket.writableEnded && error.code !== 'ECONNRESET') return;
  // In the middle of an answer, as of a stream, another would be taken for a part of it.
  const { _httpMessage: underWay } = socket as Socket & { readonly _httpMessage?: ServerResponse | null };
  if (error.code === 'ECONNRESET' || !socket.writable || underWay?.headersSent) {
    socket.destroy();
    return;
  }
  const answers: Record<string, string> = {
    HPE_HEADER_OVERFLOW: rawProblem('too_large', 'The header fields are too large.', 431),
    ERR_HTTP_REQUEST_TIMEOUT: rawProblem('invalid', 'The request did not arrive in time.', 408),
  };
  endWith(socket, answers[error.code ?? ''] ?? rawProblem('invalid', 'This is not HTTP.'));
}

/** Makes every error of the app a problem, 404 and 500 included. */
export function useProblems(app: FastifyInstance): void {
  app.setErrorHandler(handleError);
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0];
    sendProblem(reply, 'not_found', `There is no ${request.method} ${path} here.`);
  });
  app.addHook('onRequest', (request, reply, done) => {
    // RFC 9112, 3.2; HTTP/1.0 has none.
    if (request.headers.host !== undefined || request.raw.httpVersion !== '1.1') return done();
    sendProblem(reply.header('connection', 'close'), 'invalid', 'A request must have a Host.');
  });
  app.server.on('checkExpectation', (_request: IncomingMessage, response: ServerResponse) => {
    const body = encodeProblem('invalid', 'The only expectation that is met is 100-continue.', 417, [], undefined);
    response.writeHead(417, {
      ...DATA_HEADERS,
      'content-type': 'application/problem+json',
      'content-length': Buffer.byteLength(body),
      connection: 'close',
    });
    response.end(body);
  });
}
