import { expect, test } from 'vitest';
import { Client, type Message } from '../support/client.ts';
import { ask } from './ask.ts';
import { makeScene, RED, type Scene } from './scene.ts';
import { makeShare } from './shares.ts';
import { claims, jwt } from './tokens.ts';

/** One whom the reds have and nobody else. */
const HIDDEN = 'hidden-1';
/** When it was where it is, epoch milliseconds. */
const THEN = Date.now() - 120_000;

/** Says all that somebody is answered when it asks about an id. */
type Probe = (scene: Scene, token: string, id: string) => Promise<unknown>;

/** What tells one moment or request from another, whoever it is about. */
const PASSING = /"(serverTime|receivedAt)":\d+|"requestId":"[^"]+"|retry: \d+/g;

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
  'GET /v1/replay around': http(
    'GET',
    (id) => `/v1/replay?from=${THEN + 1}&to=${THEN + 1000}&speed=3600&${around(id)}`,
  ),
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

const scoped = (scope: string) => () => jwt(claims({ scope }));
const ELSEWHERE = { latitude: -30, longitude: 97, radius: 5000 };

/** The cursors of those who may see a part alone: sealed, no two alike, and of one length. */
const SEALED = /\.[\w-]{22}(?=~)/g;

/** Who must not learn whether the hidden one is there: by asking, or by sending. */
const VISITORS: readonly [
  who: string,
  token: (scene: Scene) => string | Promise<string>,
  probes: Readonly<Record<string, Probe>>,
  isBounded?: boolean,
][] = [
  ['a boss of another fleet', () => jwt(claims({ fleet: 'blue' })), { ...READING, ...WRITING }],
  ['a boss of a fleet of which nothing is known', () => jwt(claims({ fleet: 'green' })), READING],
  ['a boss who may look elsewhere', () => jwt(claims({ area: ELSEWHERE })), READING, true],
  ['a boss who may look elsewhere, coarsely', () => jwt(claims({ area: ELSEWHERE, precision: 5 })), READING, true],
  ['a driver who asks', scoped('positions:write'), READING],
  ['a driver who sends as another', scoped('positions:write'), WRITING],
  ['a token without scopes', scoped(''), { ...READING, ...WRITING }],
  ['who has a share of another driver', ({ shares }) => shares.driver, { ...READING, ...WRITING }],
  [
    'who has a share of an area elsewhere',
    async (scene) => (await makeShare(scene, jwt(claims()), ELSEWHERE)).token,
    { ...READING, ...WRITING },
    true,
  ],
];

/** Two servers that differ by the hidden one alone. */
async function twoScenes(): Promise<[there: Scene, away: Scene]> {
  const scenes: [Scene, Scene] = [await makeScene(), await makeScene()];
  const [{ tracker }] = scenes;
  tracker.accept('red', { driverId: HIDDEN, ...RED, timestamp: THEN, attributes: { mark: 'of the reds' } });
  await new Promise<void>((resolve) => tracker.whenStored(() => resolve()));
  return scenes;
}

test.each(VISITORS)('%s is answered as if the driver were not there', async (_who, tokenOf, probes, isBounded) => {
  const [there, away] = await twoScenes();
  const [token, other] = [await tokenOf(there), await tokenOf(away)];
  const hear = async (probe: Probe, scene: Scene, by: string) => {
    const told = JSON.stringify(await probe(scene, by, HIDDEN), null, 1);
    return isBounded ? told.replaceAll(SEALED, 'sealed') : told;
  };
  for (const [door, probe] of Object.entries(probes)) {
    const told = await hear(probe, there, token);
    expect({ door, told }).toEqual({ door, told: await hear(probe, away, other) });
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
