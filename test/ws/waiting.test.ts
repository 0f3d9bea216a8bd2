import type { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { WebSocket } from 'ws';
import { Client } from '../support/client.ts';
import { startServer, token } from '../support/server.ts';

/** Milliseconds that each meeting takes: some messages are unpacked meanwhile. */
const MEETING = 2;
const FIXES = 200;

/** What `ws` keeps for itself of a socket. */
interface Inside {
  readonly _socket: Socket;
  readonly _sender: { readonly _queue: readonly unknown[]; readonly _state: number };
}

/** Has all messages of a socket leave in one chunk. */
async function atOnce(socket: WebSocket, send: () => void): Promise<void> {
  const { _socket: raw, _sender: sender } = socket as unknown as Inside;
  raw.cork();
  send();
  while (sender._queue.length > 0 || sender._state !== 0) await turn();
  raw.uncork();
}

test('[22.2] each fix is judged once its driver was met, also those that are unpacked while others wait', async () => {
  const met = new Set<string>();
  const meet = async (driverIds: readonly string[]) => {
    await new Promise((resolve) => setTimeout(resolve, MEETING));
    for (const driverId of driverIds) met.add(driverId);
  };
  const server = await startServer({
    env: { PERMESSAGE_DEFLATE: 'on' },
    waits: {
      meet: (_fleet, driverIds) => {
        const strangers = [...driverIds].filter((driverId) => !met.has(driverId));
        return strangers.length === 0 ? undefined : meet(strangers);
      },
    },
  });
  const unmet: string[] = [];
  const accept = server.tracker.accept.bind(server.tracker);
  server.tracker.accept = (fleet, fix, onStored) => {
    if (!met.has(fix.driverId)) unmet.push(fix.driverId);
    return accept(fleet, fix, onStored);
  };
  const headers = { authorization: `Bearer ${token()}` };
  const url = `ws://127.0.0.1:${server.port}/ws`;
  const client = await Client.open(url, [], headers, { perMessageDeflate: { threshold: 0 } });
  expect(client.socket.extensions).toContain('permessage-deflate');
  await atOnce(client.socket, () => {
    for (let i = 0; i < FIXES; i++) client.send({ id: i, driverId: `d${i}`, latitude: 1, longitude: 2 });
  });
  for (let i = 0; i < FIXES; i++) expect(await client.next('ack')).toMatchObject({ id: i, verdict: 'accepted' });
  expect(unmet).toEqual([]);
});
