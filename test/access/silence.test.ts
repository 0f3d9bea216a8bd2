import { expect, test } from 'vitest';
import { Client, type Message } from '../support/client.ts';
import { ask } from './ask.ts';
import { makeScene, RED, type Scene } from './scene.ts';
import { claims, jwt } from './tokens.ts';

/** One whom the reds have and nobody else. */
const HIDDEN = 'hidden-1';

/** Says all that somebody is answered when it asks about an id. */
type Probe = (scene: Scene, token: string, id: string) => Promise<unknown>;

/** What tells one moment or request from another, whoever it is about. */
const PASSING = /"(serverTime|receivedAt)":\d+|"requestId":"[^"]+"|"cursor":"test-[^~]+~/g;

/** An answer over HTTP: its status, all its headers but those of the moment, and every byte but those. */
function http(
  method: string,
  pathOf: (id: string) => string,
  bodyOf: (id: string) => unknown = () => undefined,
): Probe {
  return async (scene, token, id) => {
    const { status, headers, text } = await ask(scene, method, pathOf(id), token, bodyOf(id));
    const { date: _, ...lasting } = headers;
    return { status, headers: lasting, text: text.replaceAll(PASSING, '') };
  };
}

/** All that is heard on a WebSocket, and whether it was closed. */
function socket(query: (id: string) => string, ...messagesOf: ((id: string) => Message)[]): Probe {
  return async ({ port }, token, id) => {
    const client = await Client.open(`ws://127.0.0.1:${port}/ws?${query(id)}`, [], {
      authorization: `Bearer ${token}`,
    });
    for (const messageOf of messagesOf) client.send(messageOf(id));
    const said: string[] = [];
    for (let turn = 0; turn < 3; turn++) {
      client.send({ type: 'ping', id: turn });
      for (;;) {
        const message = await client.next();
        if (message.type === 'pong') break;
        said.push(JSON.stringify(message));
      }
    }
    client.socket.terminate();
    return said.map((text) => text.replaceAll(PASSING, ''));
  };
}

const around = (id: string) => `around=${id}&radius=5000`;
const fix = (id: string) => ({ driverId: id, latitude: RED.lat, longitude: RED.lng, timestamp: 1 });

const READING: Readonly<Record<string, Probe>> = {
  'GET /v1/drivers/:driverId': http('GET', (id) => `/v1/drivers/${id}`),
  'HEAD /v1/drivers/:driverId': http('HEAD', (id) => `/v1/drivers/${id}`),
  'GET /v1/drivers/:driverId/track': http('GET', (id) => `/v1/drivers/${id}/track`),
  'GET /v1/drivers around': http('GET', (id) => `/v1/drivers?${around(id)}`),
  'GET /v1/cells around': http('GET', (id) => `/v1/cells?resolution=5&${around(id)}`),
  'GET /v1/drivers after': http('GET', (id) => `/v1/drivers?after=${id.slice(0, -1)}`),
  'GET /v1/changes around': http('GET', (id) => `/v1/changes?wait=0&${around(id)}`),
  'ws ?around': socket(around),
  'ws subscribe around': socket(
    () => '',
    (id) => ({ type: 'subscribe', subscription: 's', around: id, radius: 5000 }),
  ),
  'ws update around': socket(
    () => '',
    () => ({ type: 'subscribe', subscription: 's' }),
    (id) => ({ type: 'update', subscription: 's', around: id, radius: 5000 }),
  ),
};

const { 'GET /v1/drivers/:driverId/track': _track, ...LIVE } = READING;

const WRITING: Readonly<Record<string, Probe>> = {
  'DELETE /v1/drivers/:driverId': http('DELETE', (id) => `/v1/drivers/${id}`),
  'POST /v1/positions': http('POST', () => '/v1/positions', fix),
  'POST /v1/positions []': http(
    'POST',
    () => '/v1/positions',
    (id) => ({ positions: [fix(id)] }),
  ),
  'ws fix': socket(() => '', fix),
  'ws fix with id': socket(
    () => '',
    (id) => ({ ...fix(id), id: 1 }),
  ),
  'ws positions': socket(
    () => '',
    (id) => ({ type: 'positions', id: 1, positions: [fix(id)] }),
  ),
};

/** Who must not learn whether the hidden one is there: by asking, or by sending. */
const VISITORS: Readonly<Record<string, { token: () => string; probes: Readonly<Record<string, Probe>> }>> = {
  'a boss of another fleet': { token: () => jwt(claims({ fleet: 'blue' })), probes: { ...READING, ...WRITING } },
  'a boss of a fleet of which nothing is known': {
    token: () => jwt(claims({ fleet: 'green' })),
    probes: { ...READING },
  },
  'a boss who may look elsewhere': {
    token: () => jwt(claims({ area: { latitude: -30, longitude: 97, radius: 5000 } })),
    probes: LIVE,
  },
  'a driver who asks': { token: () => jwt(claims({ scope: 'positions:write' })), probes: READING },
  'a driver who sends as another': { token: () => jwt(claims({ scope: 'positions:write' })), probes: WRITING },
  'a token without scopes': { token: () => jwt(claims({ scope: '' })), probes: { ...READING, ...WRITING } },
};

/** Two servers that differ by the hidden one alone. */
async function twoScenes(): Promise<[there: Scene, away: Scene]> {
  const scenes: [Scene, Scene] = [await makeScene(), await makeScene()];
  const [{ tracker }] = scenes;
  tracker.accept('red', { driverId: HIDDEN, ...RED, attributes: { mark: 'of the reds' } });
  await new Promise<void>((resolve) => tracker.whenStored(() => resolve()));
  return scenes;
}

test.each(Object.entries(VISITORS))('%s is answered as if the driver were not there', async (_who, visitor) => {
  const [there, away] = await twoScenes();
  for (const [door, probe] of Object.entries(visitor.probes)) {
    const told = await probe(there, visitor.token(), HIDDEN);
    expect({ door, told }).toEqual({ door, told: await probe(away, visitor.token(), HIDDEN) });
  }
});

test('who may see the driver hears the difference at every door', async () => {
  const scenes = await twoScenes();
  // A fix without id is answered by silence.
  const { 'ws fix': _, ...audible } = WRITING;
  for (const [door, probe] of Object.entries({ ...READING, ...audible })) {
    const [there, away] = door in WRITING ? await twoScenes() : scenes;
    const told = await probe(there, jwt(claims()), HIDDEN);
    expect({ door, told }).not.toEqual({ door, told: await probe(away, jwt(claims()), HIDDEN) });
  }
});
