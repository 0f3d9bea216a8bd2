import { abortable } from './abortable.ts';
import type { ServerClock } from './clock.ts';
import { asNearcastError, NearcastError } from './errors.ts';
import { parseObject } from './json.ts';
import type { Tokens } from './token.ts';
import type { Fault, ServerErrorCode } from './wire.ts';

/** What a call over HTTP may be given. */
export interface CallOptions {
  /** Takes the call back; it then rejects with the signal’s reason. */
  readonly signal?: AbortSignal;
}

/** What a call of the API that this client has no words for may be given. */
export interface RequestOptions extends CallOptions {
  /** GET when absent. */
  readonly method?: 'GET' | 'POST' | 'DELETE';
  /** Sent as JSON. */
  readonly body?: unknown;
  /** The type of answer that is wanted, which must be one of JSON, as `application/geo+json`. */
  readonly accept?: string;
}

/** What calls need from outside. */
export interface RestDeps {
  /** `http://` or `https://`, with a slash at its end. */
  readonly base: string;
  readonly tokens: Tokens;
  readonly fetch: typeof globalThis.fetch;
  readonly serverClock: ServerClock;
}

const UNAUTHORIZED = 401;
const EVENT_STREAM = 'text/event-stream';

/** Calls over HTTP. A token that is refused is asked for once again. */
export class Rest {
  readonly #deps: RestDeps;

  constructor(deps: RestDeps) {
    this.#deps = deps;
  }

  /**
   * What a call answers, parsed; `undefined` where it answers with nothing.
   *
   * @param path relative to the base
   * @throws {NearcastError} a problem, or `network` when no answer came
   */
  async call(path: string, options: RequestOptions = {}): Promise<unknown> {
    const { signal } = options;
    const response = await this.#answer(path, options);
    const body = await bodyOf(response, signal);
    if (response.status !== 204 && body === undefined) {
      throw new NearcastError('protocol', `What ${path} answered is no JSON.`, { status: response.status });
    }
    if (typeof body?.serverTime === 'number') this.#deps.serverClock.heard(body.serverTime);
    return body;
  }

  /**
   * The events that a path answers with, in bytes; `undefined` where there is nothing more to be told.
   *
   * @param path relative to the base
   * @throws {NearcastError} as {@link call}
   */
  async stream(path: string, signal: AbortSignal): Promise<ReadableStreamDefaultReader<Uint8Array> | undefined> {
    const response = await this.#answer(path, { accept: EVENT_STREAM, signal });
    const { status, headers, body } = response;
    if (status === 204) return undefined;
    if (!headers.get('content-type')?.startsWith(EVENT_STREAM)) {
      void body?.cancel().catch(() => {});
      throw new NearcastError('protocol', `What ${path} answered is no event stream.`, { status });
    }
    if (body === null) throw new NearcastError('protocol', 'The fetch of this platform reads no streams.');
    return body.getReader();
  }

  /** The answer of whoever takes the token, its body yet to be read. */
  async #answer(path: string, options: RequestOptions): Promise<Response> {
    const { tokens } = this.#deps;
    const { signal } = options;
    signal?.throwIfAborted();
    const token = await abortable(tokens.current(), signal);
    let response = await this.#fetch(path, token, options);
    if (response.status === UNAUTHORIZED && tokens.renewable) {
      const renewed = await abortable(tokens.ask(), signal);
      if (renewed !== token) {
        // Left unread it would hold its connection.
        void response.body?.cancel().catch(() => {});
        response = await this.#fetch(path, renewed, options);
      }
    }
    if (!response.ok) throw problemOf(response, await bodyOf(response, signal));
    return response;
  }

  async #fetch(path: string, token: string, options: RequestOptions): Promise<Response> {
    const { fetch, base } = this.#deps;
    const { method = 'GET', body, accept, signal } = options;
    const headers: Record<string, string> = { authorization: `Bearer ${token}` };
    if (accept !== undefined) headers.accept = accept;
    if (body !== undefined) headers['content-type'] = 'application/json';
    // Mistakes of the caller, which no other try would mend.
    if (body !== undefined && method === 'GET') throw new TypeError('A body goes with POST or DELETE, not with GET.');
    const sent = JSON.stringify(body);
    if (!new URL(base + path).href.startsWith(base)) throw new TypeError(`The path ${path} leads out of ${base}`);
    try {
      return await fetch(base + path, { method, headers, body: sent, signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw asNearcastError(error, 'network', 'No answer came');
    }
  }
}

/** What a body says; `undefined` where it is no JSON of an object. */
async function bodyOf(
  response: Response,
  signal: AbortSignal | undefined,
): Promise<Record<string, unknown> | undefined> {
  try {
    return parseObject(await response.text());
  } catch (error) {
    signal?.throwIfAborted();
    throw asNearcastError(error, 'network', 'The answer broke off');
  }
}

/** The error that an answer means, whoever on the way gave it. */
function problemOf(response: Response, problem: Readonly<Record<string, unknown>> = {}): NearcastError {
  const { status } = response;
  const wait = Number(response.headers.get('retry-after') ?? Number.NaN);
  const retryAfter = Number.isFinite(wait) ? wait : undefined;
  const code = typeof problem.code === 'string' ? (problem.code as ServerErrorCode) : codeOf(status);
  const detail = typeof problem.detail === 'string' ? problem.detail : `The answer was ${status}.`;
  const requestId = typeof problem.requestId === 'string' ? problem.requestId : undefined;
  const errors = Array.isArray(problem.errors) ? (problem.errors as Fault[]) : [];
  return new NearcastError(code, detail, { status, errors, retryAfter, requestId });
}

/** What a status means that came without a problem, as from a proxy. */
function codeOf(status: number): ServerErrorCode {
  if (status === 401) return 'unauthorized';
  if (status === 403) return 'forbidden';
  if (status === 404) return 'not_found';
  if (status === 413) return 'too_large';
  if (status === 429) return 'limit';
  if (status === 502 || status === 503 || status === 504) return 'unavailable';
  return status >= 500 ? 'internal' : 'invalid';
}
