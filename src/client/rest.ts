import { abortable } from './abortable.ts';
import type { ServerClock } from './clock.ts';
import { asNearcastError, NearcastError } from './errors.ts';
import type { Tokens } from './token.ts';
import type { Fault, ServerErrorCode } from './wire.ts';

/** What a call over HTTP may be given. */
export interface CallOptions {
  /** Takes the call back; it then rejects with the signal’s reason. */
  readonly signal?: AbortSignal;
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
  async call(method: string, path: string, { signal }: CallOptions = {}): Promise<unknown> {
    const { tokens } = this.#deps;
    signal?.throwIfAborted();
    let token = await abortable(tokens.current(), signal);
    let response = await this.#fetch(method, path, token, signal);
    if (response.status === UNAUTHORIZED && tokens.renewable) {
      const refused = token;
      token = await abortable(tokens.ask(), signal);
      if (token !== refused) {
        // Left unread it would hold its connection.
        void response.body?.cancel().catch(() => {});
        response = await this.#fetch(method, path, token, signal);
      }
    }
    const body = await bodyOf(response, signal);
    if (!response.ok) throw problemOf(response, body);
    if (response.status !== 204 && !isObject(body)) {
      throw new NearcastError('protocol', `What ${path} answered is no JSON.`, { status: response.status });
    }
    if (isObject(body) && typeof body.serverTime === 'number') this.#deps.serverClock.heard(body.serverTime);
    return body;
  }

  async #fetch(method: string, path: string, token: string, signal: AbortSignal | undefined): Promise<Response> {
    const { fetch, base } = this.#deps;
    try {
      return await fetch(base + path, { method, headers: { authorization: `Bearer ${token}` }, signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw asNearcastError(error, 'network', 'No answer came');
    }
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

async function bodyOf(response: Response, signal: AbortSignal | undefined): Promise<unknown> {
  let text: string;
  try {
    text = await response.text();
  } catch (error) {
    signal?.throwIfAborted();
    throw asNearcastError(error, 'network', 'The answer broke off');
  }
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The error that an answer means, whoever on the way gave it. */
function problemOf(response: Response, body: unknown): NearcastError {
  const { status } = response;
  const wait = Number(response.headers.get('retry-after') ?? Number.NaN);
  const retryAfter = Number.isFinite(wait) ? wait : undefined;
  const problem = isObject(body) ? body : {};
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
