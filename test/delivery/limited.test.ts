import { expect, test } from 'vitest';
import { Limited } from '../../src/delivery/limited.ts';
import { createLog } from '../../src/log.ts';
import { startServer, token } from '../support/server.ts';

/** What met limits, and the lines of it. */
function told() {
  const lines: unknown[] = [];
  const world = { now: 0, lines };
  const limited = new Limited({ warn: (about) => lines.push(about) }, () => world.now);
  return { world, limited };
}

const anna = { subject: 'anna', fleet: 'a' };

test('who meets a limit is named once in a minute for each limit, and counted each time', () => {
  const { world, limited } = told();
  for (let i = 0; i < 5; i++) limited.meet('requests', anna);
  limited.meet('messages', anna);
  limited.meet('requests', { subject: 'anna', fleet: 'b' });
  limited.meet('requests', { remoteAddress: '192.0.2.1' });
  limited.meet('bytes', undefined);
  const first = [
    { limit: 'requests', ...anna },
    { limit: 'messages', ...anna },
    { limit: 'requests', subject: 'anna', fleet: 'b' },
    { limit: 'requests', remoteAddress: '192.0.2.1' },
  ];
  expect(world.lines).toEqual(first);
  world.now = 59_999;
  limited.meet('requests', anna);
  world.now = 60_000;
  limited.meet('requests', anna);
  expect(world.lines).toEqual([...first, first[0]]);
  expect(limited.counts).toMatchObject({ requests: 9, messages: 1, bytes: 1, connections: 0 });
});

test('thousands of addresses are 60 lines in a minute', () => {
  const { world, limited } = told();
  for (let i = 0; i < 5_000; i++) limited.meet('handshakes', { remoteAddress: `2001:db8:${i.toString(16)}::` });
  expect(world.lines.length).toBe(60);
  expect(limited.counts.handshakes).toBe(5_000);
});

test('the log of a server says which subject of which fleet asked too often, connected too often and sent too much', async () => {
  const text: string[] = [];
  const log = createLog('warn', { write: (line) => void text.push(line) });
  const env = { RATE_LIMIT: '1', MAX_CONNECTIONS_PER_SUBJECT: '1', MAX_MESSAGES_PER_SECOND: '1' };
  const server = await startServer({ log, env });
  const own = { sub: 'anna', fleet: 'taxis', scope: 'positions:read positions:write' };
  const authorization = { authorization: `Bearer ${token(own)}` };
  for (let i = 0; i < 3; i++) await (await server.get('/v1/drivers', authorization)).text();
  const client = await server.connect(`/ws?access_token=${token(own)}`);
  await client.ask({ type: 'ping' }, 'pong');
  expect((await (await server.connect(`/ws?access_token=${token(own)}`)).closed).code).toBe(4429);
  for (let id = 0; id < 3; id++) client.send({ type: 'ping', id });
  await client.next('pong');
  const lines = text.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'a limit was met');
  const about = { level: 40, subject: 'anna', fleet: 'taxis' };
  expect(lines).toMatchObject(['requests', 'connections', 'messages'].map((limit) => ({ ...about, limit })));
});
