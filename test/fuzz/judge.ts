import { ERROR_CODES } from '../../src/errors.ts';
import { closeCodes, judgeMessage, judgeProblem, type Operation } from './contract.ts';
import type { Answer } from './http-answer.ts';
import type { ServerFrame } from './server-frame.ts';

/** What any call may be answered, whatever the contract says of it: a limit, trouble, headers or bodies that it does not take. */
const ALWAYS = new Set([408, 413, 414, 415, 417, 426, 429, 431, 503]);
/** Traces of the inside, which no answer may have. */
const INSIDE = /node_modules|\bat .+\.[jt]s:\d+|file:\/\/\/|\bSELECT\b.+\bFROM\b/;
/** Closes that RFC 6455 has for what a peer does, beside those of the contract. */
const PROTOCOL_CLOSES = [1000, 1003, 1005];

/** Says what is wrong with an answer; nothing when it is what the contract has. @param forged nobody signed its token */
export function judgeAnswer(
  asked: { readonly operation?: Operation; readonly method?: string; readonly forged?: boolean },
  { status, headers, body, complete }: Answer,
): string | undefined {
  if (status >= 500 && status !== 503) return `status ${status}: ${excerpt(body)}`;
  if (asked.forged && status < 400) return `a token that nobody signed was taken, with status ${status}`;
  const type = headers.get('content-type')?.split(';', 1)[0];
  if (status >= 400 && asked.method !== 'HEAD') {
    // The one answer of an error's status that is none.
    if (asked.operation?.id === 'ready' && status === 503) return undefined;
    const wrong = judgeProblemAnswer(status, type, body);
    if (wrong !== undefined) return wrong;
  }
  const { operation } = asked;
  // What could not be read as HTTP reached no operation, and has no id.
  if (operation === undefined || (status === 400 && !body.includes('"requestId":'))) return undefined;
  const answers = operation.answers.get(status);
  if (answers === undefined) {
    return ALWAYS.has(status)
      ? undefined
      : `${operation.id}: status ${status} is not in the contract: ${excerpt(body)}`;
  }
  if (answers.size === 0) return body.length === 0 ? undefined : `${operation.id}: a body with status ${status}`;
  const judge = answers.get(type ?? '');
  if (judge === undefined) return `${operation.id}: ${status} as ${type} is not in the contract`;
  if (type === 'text/event-stream') return judgeEvents(body.toString(), complete);
  if (!complete) return undefined;
  const text = decode(body);
  if (text === undefined) return `${operation.id}: what is not UTF-8`;
  if (!type?.endsWith('json')) return judge(text);
  const value = parsed(text);
  if (value === undefined) return `${operation.id}: what is not JSON: ${text.slice(0, 100)}`;
  const wrong = judge(value);
  if (wrong !== undefined) return `${operation.id}: ${status} ${wrong}`;
  const isMessage = ['snapshot', 'changes'].includes((value as { type?: string }).type ?? '');
  return isMessage ? judgeMessage(value) : undefined;
}

function judgeProblemAnswer(status: number, type: string | undefined, body: Buffer): string | undefined {
  if (type !== 'application/problem+json') return `${status} as ${type}: ${excerpt(body)}`;
  const problem = parsed(body.toString()) as { status?: number; code?: string; detail?: string } | undefined;
  const wrong = judgeProblem(problem);
  if (wrong !== undefined) return `the problem${wrong}: ${excerpt(body)}`;
  if (problem?.status !== status) return `a problem of status ${problem?.status} with ${status}`;
  if (problem.code === 'internal') return `internal: ${excerpt(body)}`;
  if (INSIDE.test(problem.detail ?? '')) return `it tells of the inside: ${excerpt(body)}`;
  return undefined;
}

/** Says what is wrong with Server-Sent Events. @param complete the last one must be whole */
export function judgeEvents(text: string, complete: boolean): string | undefined {
  const blocks = text.split('\n\n');
  const rest = blocks.pop();
  if (complete && rest !== '') return `an event without an end: ${rest?.slice(0, 100)}`;
  for (const block of blocks) {
    const field = (name: string) =>
      block
        .split('\n')
        .find((line) => line.startsWith(`${name}: `))
        ?.slice(name.length + 2);
    const [event, data] = [field('event'), field('data')];
    if (data === undefined) continue;
    const value = parsed(data) as { type?: string; code?: unknown } | undefined;
    if (event === 'close') {
      if (!Number.isInteger(value?.code)) return `close: ${data.slice(0, 100)}`;
      continue;
    }
    const wrong = value === undefined ? 'no JSON' : judgeMessage({ type: event, ...value });
    if (wrong !== undefined) return `event ${event}: ${wrong}`;
    if (value?.type !== undefined && value.type !== event) return `event ${event} with a message ${value.type}`;
  }
  return undefined;
}

/** What a message of the server says, as far as it is looked at. */
export interface Told {
  readonly type: string;
  readonly id?: unknown;
  readonly code?: string;
  readonly cursor?: string;
}

/** Reads a text frame: the message that it holds, or what is wrong with it. */
export function judgeText(payload: Buffer): { readonly told?: Told; readonly wrong?: string } {
  const text = decode(payload);
  if (text === undefined) return { wrong: 'a text frame that is not UTF-8' };
  const told = parsed(text) as Told | undefined;
  if (told === undefined) return { wrong: `a message that is not JSON: ${text.slice(0, 100)}` };
  const wrong = judgeMessage(told);
  if (wrong !== undefined) return { told, wrong: `the message ${wrong}: ${text.slice(0, 300)}` };
  if (told.type !== 'error') return { told };
  if (!Object.hasOwn(ERROR_CODES, told.code ?? '')) return { told, wrong: `an error of code ${told.code}` };
  if (told.code === 'internal' || INSIDE.test(text)) return { told, wrong: `the message ${text.slice(0, 300)}` };
  return { told };
}

/** Says what is wrong with a close frame. @param sent what was sent may have named any code, which comes back */
export function judgeClose(
  { payload }: ServerFrame,
  sent: boolean,
): { readonly code: number; readonly wrong?: string } {
  if (payload.length === 0) return { code: 1005 };
  const code = payload.readUInt16BE(0);
  if (decode(payload.subarray(2)) === undefined) return { code, wrong: `a close whose reason is not UTF-8` };
  const known = closeCodes.has(code) || PROTOCOL_CLOSES.includes(code) || sent;
  return known ? { code } : { code, wrong: `closed with ${code}, which is not in the contract` };
}

function decode(bytes: Buffer): string | undefined {
  try {
    return UTF8.decode(bytes);
  } catch {
    return undefined;
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function excerpt(body: Buffer): string {
  return body.toString('latin1', 0, 300);
}
