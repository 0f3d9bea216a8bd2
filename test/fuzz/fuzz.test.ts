import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { createDatabase, findPostgres, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { seeded } from '../support/random.ts';
import { describeWith } from '../support/services.ts';
import { slowTest } from '../support/slow.ts';
import { campaign } from './campaign.ts';
import { type Case, caseOf } from './case.ts';
import { clientMessages, judgeMessage, operationOf, operations } from './contract.ts';
import { frame } from './frames.ts';
import { readAnswer } from './http-answer.ts';
import { judgeAnswer, judgeClose, judgeEvents, judgeText } from './judge.ts';
import { Performer } from './performer.ts';
import { shrink } from './shrink.ts';

/** Cases; `npm run fuzz` does hundreds of thousands. */
const CASES = Number(process.env.FUZZ_CASES ?? 500);
/** Milliseconds that a well-behaved peer may wait on a machine that does all sorts of things meanwhile. */
const MAX_DELAY = 20_000;

describeWith('PostgreSQL with PostGIS', findPostgres(), 'what the contracts do not have', (bin) => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startPostgres(bin);
  });
  afterAll(() => postgres.stop());

  const fuzz = (count: number, limits: boolean) => async () => {
    const { seed } = seeded('fuzz');
    const database = { DATABASE_URL: await createDatabase(postgres, limits ? 'limited' : 'fuzzed') };
    const { findings, results, peers } = await campaign({
      seed,
      from: 0,
      count,
      database,
      limits,
      maxDelay: MAX_DELAY,
    });
    expect(findings).toEqual([]);
    expect([...results.keys()].sort()).toEqual(['bytes', 'frames', 'handshake', 'message', 'request', 'token']);
    expect(peers.told).toBe(peers.sent);
    expect(peers.sent).toBeGreaterThan(0);
  };
  const timeout = 120_000 + CASES * 20;
  test('is refused as they say, and hurts nobody', { timeout }, fuzz(CASES, false));
  slowTest('is refused so too where limits are low', { timeout }, fuzz(Math.ceil(CASES / 5), true));
});

test('a case is the same whenever it is made, and all of the contracts are met', () => {
  const { seed } = seeded('fuzz, cases');
  // Times of day are those of now.
  const text = (one: Case) => JSON.stringify(one).replace(/\d{10,}|20\d\d-[\dT:.Z%A-]+/g, 'now');
  const met = new Set<unknown>();
  for (let number = 0; number < 2_500; number++) {
    const one = caseOf(seed, number);
    if (number < 300 && one.kind !== 'token') expect(text(caseOf(seed, number)).length).toBe(text(one).length);
    if (one.kind === 'request') met.add(operationOf(one.method, one.target)?.id);
    if (one.kind === 'message') met.add(/^\{"type":"(\w+)"/.exec(one.text)?.[1]);
  }
  for (const { id } of operations) expect(met).toContain(id);
  for (const { name } of clientMessages) if (name !== 'position') expect(met).toContain(name);
});

const problem = (status: number, more = {}) =>
  JSON.stringify({ type: 'about:blank', title: 'x', status, code: 'invalid', detail: 'x', requestId: 'x', ...more });
const answer = (status: number, type: string, body: string) => {
  const head = `HTTP/1.1 ${status} x\r\ncontent-type: ${type}\r\ncontent-length: ${body.length}\r\n\r\n`;
  return readAnswer(Buffer.from(head + body), false, true) as NonNullable<ReturnType<typeof readAnswer>>;
};
const PROBLEM = 'application/problem+json; charset=utf-8';

test.each<[string, RegExp | undefined, string, number, string, string]>([
  ['a failure', /status 500/, 'GET /livez', 500, PROBLEM, problem(500, { code: 'internal' })],
  ['an error that is no problem', /400 as text\/html/, 'GET /livez', 400, 'text/html', '<h1>'],
  ['a code that nobody knows', /code must be equal to one of/, 'GET /nope', 404, PROBLEM, problem(404, { code: 'x' })],
  ['a problem of another status', /status 404 with 400/, 'GET /nope', 400, PROBLEM, problem(404)],
  ['a trace of the inside', /inside/, 'GET /nope', 400, PROBLEM, problem(400, { detail: 'at f (/a/b.ts:1:2)' })],
  ['a status that is not in the contract', /goOffDuty: status 200/, 'DELETE /v1/drivers/a', 200, 'text/plain', ''],
  ['a type that is not in the contract', /live: 200 as text/, 'GET /livez', 200, 'text/plain', 'ok'],
  ['what is not JSON', /not JSON/, 'GET /livez', 200, 'application/json', '{"status":'],
  ['what the schema does not have', /live: 200.*status/, 'GET /livez', 200, 'application/json', '{"status":"fine"}'],
  ['what is right', undefined, 'GET /livez', 200, 'application/json', '{"status":"ok"}'],
  ['a problem as it should be', undefined, 'GET /v1/drivers/nearby?x', 400, PROBLEM, problem(400)],
])('%s is judged so', (_what, fault, asked, status, type, body) => {
  const [method, target] = asked.split(' ');
  const wrong = judgeAnswer({ operation: operationOf(method, target) }, answer(status, type, body));
  if (fault === undefined) expect(wrong).toBeUndefined();
  else expect(wrong).toMatch(fault);
});

test('a token that nobody signed may not be taken', () => {
  expect(judgeAnswer({ forged: true }, answer(200, 'application/json', '{}'))).toMatch(/signed/);
  expect(judgeAnswer({ forged: true }, answer(401, PROBLEM, problem(401, { code: 'unauthorized' })))).toBeUndefined();
});

test('messages and events that the contract does not have are judged so', () => {
  expect(judgeMessage({ type: 'pong', serverTime: 1 })).toBeUndefined();
  expect(judgeMessage({ type: 'pong' })).toMatch(/serverTime/);
  expect(judgeMessage({ type: 'shout' })).toMatch(/no message/);
  expect(judgeText(Buffer.from([0x22, 0xff, 0x22])).wrong).toMatch(/UTF-8/);
  expect(judgeText(Buffer.from('{"type":"error","code":"internal","message":"x"}')).wrong).toMatch(/internal/);
  expect(judgeEvents('event: changes\ndata: {"type":"changes"}\n\n', true)).toMatch(/subscription/);
  expect(judgeEvents(':\n\nevent: close\ndata: {"code":1001,"reason":"x"}\n\n', true)).toBeUndefined();
  const close = (code: number) => ({ opcode: 8, payload: Buffer.from([code >> 8, code & 255]), length: 4 });
  expect(judgeClose(close(4401), false).wrong).toBeUndefined();
  expect(judgeClose(close(4999), false).wrong).toMatch(/4999/);
});

test('a server that fails at one thing is found out, by as little as that takes', async () => {
  const server = createServer((request, response) => {
    const isBad = request.url?.includes('boom') ?? false;
    response.writeHead(isBad ? 500 : 404, { 'content-type': PROBLEM });
    response.end(problem(isBad ? 500 : 404, { code: 'not_found' }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const performer = new Performer((server.address() as AddressInfo).port);
  onTestFinished(() => performer.end());
  const request = (target: string): Case => ({
    kind: 'request',
    method: 'GET',
    target,
    headers: [['accept', 'a/b']],
    body: '{"a":[1,2,3]}',
  });
  const fails = async (cases: readonly Case[]) => {
    let fault: string | undefined;
    for (const one of cases) fault = (await performer.perform(one)).fault;
    return fault?.startsWith('status 500') ?? false;
  };
  const cases = [request('/a'), request('/b?c=d'), request(`/e?f=${'x'.repeat(50)}boom${'y'.repeat(50)}&g=h`)];
  expect(await fails(cases.slice(0, 2))).toBe(false);
  const [{ target, headers, body }, ...more] = (await shrink(cases, fails)) as (Case & { kind: 'request' })[];
  expect([more, headers, body]).toEqual([[], [], '']);
  expect(target).toMatch(/^.{0,3}boom$/);
  expect(await shrink([request('/a')], fails)).toBeUndefined();
});

test('frames are those of RFC 6455, 5.7, unless told otherwise', () => {
  const bytes = (text: string) => [...Buffer.from(text, 'latin1')];
  expect(bytes(frame('Hello', 1, { masked: false }))).toEqual([0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
  expect(bytes(frame('x'.repeat(256), 2, { masked: false })).slice(0, 4)).toEqual([0x82, 0x7e, 0x01, 0x00]);
  expect(bytes(frame('', 9, { masked: false, length: 65_536n })).slice(0, 5)).toEqual([0x89, 0x7f, 0, 0, 0]);
});
