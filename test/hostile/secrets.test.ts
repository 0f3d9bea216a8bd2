import { once } from 'node:events';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { pino } from 'pino';
import { expect, onTestFinished, test, vi } from 'vitest';
import { frame, rawSocket, upgrade } from '../support/raw.ts';
import { SECRET, startServer, type TestServer, token } from '../support/server.ts';

/** Of no token but ours. */
const RUBBISH = 'rubbish-that-was-meant-to-be-a-token';
/** What any token begins with, what the signing secret holds, and {@link RUBBISH}. */
const SECRETS = new RegExp(`eyJ[\\w-]{8}|${SECRET}|${RUBBISH.slice(0, 20)}`);

/** A server whose log, and whatever else the process writes meanwhile, is kept: at the level that says most. */
async function startTelling(): Promise<{ server: TestServer; told: () => string }> {
  const lines: string[] = [];
  const keep = (chunk: unknown) => {
    lines.push(String(chunk));
    return true;
  };
  for (const stream of [process.stdout, process.stderr]) {
    const spy = vi.spyOn(stream, 'write').mockImplementation(keep as typeof stream.write);
    onTestFinished(() => spy.mockRestore());
  }
  // Not the server's own log, which would take out what should not be there in the first place.
  const log = pino({ level: 'trace' }, { write: keep });
  return { server: await startServer({ log }), told: () => lines.join('') };
}

/** A whole answer, head and body, of a method that may be any. */
async function answerOf(server: TestServer, method: string, path: string, headers = {}, body = ''): Promise<string> {
  const asked = request({ port: server.port, host: '127.0.0.1', method, path, headers, agent: false });
  asked.end(body);
  const [response] = await once(asked, 'response');
  const stream = response.headers['content-type']?.startsWith('text/event-stream');
  const content = stream ? String((await once(response, 'data'))[0]) : await text(response);
  response.destroy();
  return `${JSON.stringify(response.rawHeaders)}\n${content}`;
}

const CALLS: [method: string, path: string][] = [
  ['GET', '/v1/drivers/nearby?latitude=1&longitude=2'],
  ['GET', '/v1/drivers/nearby?latitude=91'],
  ['HEAD', '/v1/drivers/nearby?latitude=1&longitude=2'],
  ['GET', '/v1/drivers?limit=1'],
  ['GET', '/v1/drivers/someone'],
  ['GET', '/v1/drivers/someone/track'],
  ['GET', '/v1/cells?resolution=5'],
  ['GET', '/v1/stream?latitude=1&longitude=2&radius=3'],
  ['GET', '/v1/changes?wait=0'],
  ['GET', '/v1/replay?from=1&to=2'],
  ['GET', '/metrics'],
  ['GET', '/livez?x=1'],
  ['GET', '/nowhere?x=1'],
  ['GET', '/v1/drivers/%zz?x=1'],
  ['GET', '/docs?x=1'],
  ['GET', '/?x=1'],
  ['POST', '/v1/positions?x=1'],
  ['POST', '/v1/drivers/search?x=1'],
  ['DELETE', '/v1/drivers/nobody?x=1'],
  ['OPTIONS', '/v1/positions?x=1'],
  ['GET', '/ws?x=1'],
];

/** Every way in which a secret comes in over HTTP, and every way in which that goes wrong. */
async function callAll(server: TestServer): Promise<string[]> {
  const answers: string[] = [];
  const expired = token({ ttlSeconds: -1 });
  for (const [method, path] of CALLS) {
    for (const secret of [token(), token({ scope: 'metrics:read' }), expired, `${token()}x`, RUBBISH]) {
      answers.push(await answerOf(server, method, path, { authorization: `Bearer ${secret}` }));
      const inQuery = `${path}${path.includes('?') ? '&' : '?'}access_token=${secret}`;
      answers.push(await answerOf(server, method, inQuery, { referer: `http://x/?access_token=${secret}` }));
    }
  }
  const json = { 'content-type': 'application/json', authorization: `Bearer ${token()}` };
  for (const body of [`{"token":"${token()}"`, `{"${token()}":1}`, `"${token()}"`, `{"positions":["${RUBBISH}"]}`]) {
    answers.push(await answerOf(server, 'POST', '/v1/positions', json, body));
  }
  answers.push(await answerOf(server, 'GET', '/livez', { authorization: `Basic ${RUBBISH}` }));
  return answers;
}

/** Every way in which a secret comes in over a WebSocket, and what goes wrong there. */
async function connectAll(server: TestServer): Promise<string[]> {
  const answers: string[] = [];
  for (const secret of [token(), token({ scope: 'positions:write', sub: 'x' }), token({ ttlSeconds: -1 }), RUBBISH]) {
    const ways: [string, string[] | undefined, Record<string, string> | undefined][] = [
      ['/ws?latitude=1&longitude=2&radius=3', undefined, { authorization: `Bearer ${secret}` }],
      ['/ws', ['nearcast.v1', `bearer.${secret}`], {}],
      [`/ws?access_token=${secret}&radius=x`, undefined, {}],
      ['/ws', undefined, {}],
    ];
    for (const [path, protocols, headers] of ways) {
      const client = await server.connect(path, protocols, headers);
      client.send({ type: 'authenticate', token: secret, id: 1 });
      client.send({ type: 'authenticate', token: { secret } });
      client.send({ type: 'ping', secret });
      client.send(`{"type":"authenticate","token":"${secret}`);
      client.send({ driverId: 'someone', latitude: 91, longitude: 2, attributes: { secret } });
      client.send({ type: 'subscribe', subscription: 's', latitude: 1, longitude: 2, radius: 3, cursor: secret });
      client.socket.close(3_000, secret.slice(0, 100));
      await client.closed;
      answers.push(JSON.stringify(client.heard));
      answers.push(client.socket.protocol);
    }
  }
  return answers;
}

/** What is no HTTP, or no WebSocket, and holds a secret. */
async function sendRubbish(server: TestServer): Promise<string[]> {
  const secret = token();
  const handshake = upgrade('/ws', secret);
  const answers = [
    `GET /?access_token=${secret} HTTP/9.9\r\n\r\n`,
    `Bearer ${secret}\r\n\r\n`,
    `GET /livez HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${secret}\r\nAuthorization : x\r\n\r\n`,
    `GET /livez?access_token=${secret} HTTP/1.1\r\nHost: x\r\nX: ${secret.repeat(200)}\r\n\r\n`,
    handshake.replace('Version: 13', 'Version: 99'),
    handshake.replace('/ws', `/v1/drivers?access_token=${secret}`),
    handshake.replace(/Sec-WebSocket-Key: .*\r\n/, `Sec-WebSocket-Key: ${secret}\r\n`),
    handshake.replace('Host: x', `Host: x\r\nOrigin: http://${RUBBISH}.example`),
    Buffer.concat([Buffer.from(handshake), frame(secret, 3)]),
    Buffer.concat([Buffer.from(handshake), frame(`\x03\xe7${secret.slice(0, 90)}`, 8)]),
    Buffer.concat([Buffer.from(handshake), Buffer.from(secret)]),
  ].map(async (bytes) => {
    const socket = await rawSocket(server.port);
    socket.end(bytes);
    return text(socket);
  });
  return Promise.all(answers);
}

/** Has the server fail on whatever it is asked. */
function breakDown(server: TestServer): void {
  const names = ['nearby', 'within', 'driver', 'cells', 'subscribe', 'accept', 'remove'];
  for (const name of names) {
    (server.tracker as unknown as Record<string, unknown>)[name] = () => {
      throw new Error('it broke');
    };
  }
}

test('no token and no secret is ever logged, at any level, nor sent back, whatever is sent to which door', async () => {
  const { server, told } = await startTelling();
  await server.post('/v1/positions', {
    positions: ['someone', 'else'].map((driverId) => ({ driverId, latitude: 1, longitude: 2 })),
  });
  const answers = [...(await callAll(server)), ...(await connectAll(server)), ...(await sendRubbish(server))];
  for (const answer of answers) expect(answer).not.toMatch(SECRETS);
  expect(answers.join('\n')).toContain('"next":"/v1/drivers?limit=1&after=');
  expect(told()).toContain('"disconnected"');
  expect(told()).not.toMatch(SECRETS);
});

test('nor when the server itself fails, and not when it goes', async () => {
  const { server, told } = await startTelling();
  breakDown(server);
  const client = await server.connect(`/ws?access_token=${token()}`);
  const answers = [...(await callAll(server)), ...(await connectAll(server))];
  for (const answer of answers) expect(answer).not.toMatch(SECRETS);
  await server.app.close();
  await client.closed;
  expect(told()).toContain('"request failed"');
  expect(told()).toContain('"message failed"');
  expect(told()).not.toMatch(SECRETS);
});
