import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { PAGES_DIR } from '../../src/build-pages.ts';
import { Client, type Message } from '../support/client.ts';
import { type Answer, ask, bearer } from './ask.ts';
import { BLUE, CELLS, RED, type Scene, seen } from './scene.ts';
import { type MadeShare, makeShare } from './shares.ts';
import { claims, jwt } from './tokens.ts';

/**
 * What a door says to somebody, in a word; see the table of `matrix.test.ts`. It is asked with the token where that belongs,
 * and `alsoElsewhere` in all other ways too: by the URL and by HEAD.
 */
export type Door = (scene: Scene, token: string | undefined, alsoElsewhere: boolean) => Promise<string>;

const CODES: Readonly<Record<number, string>> = {
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  426: 'invalid',
};

/** What a good answer means. */
type Judge = (text: string, status: number) => string;

/** The word for an answer. A refusal must be a problem of the fitting code that says nothing of the token or of anybody. */
function wordOf({ status, headers, text }: Answer, token: string | undefined, judge: Judge): string {
  if (status < 400) return judge(text, status);
  const problem = JSON.parse(text);
  const isFitting =
    headers['content-type']?.startsWith('application/problem+json') === true &&
    problem.code === CODES[status] &&
    problem.status === status &&
    (status !== 401 || headers['www-authenticate'] === 'Bearer') &&
    seen(text) === 'blind' &&
    (!token || !text.includes(token));
  return isFitting ? String(status) : `${status} ${text}`;
}

/**
 * A route that is asked with the token in the header and, as far as it is read there, in the URL: with GET it must not
 * matter where it is, and all else does not look for it in the URL. HEAD, where it is a route, says what GET does.
 */
function http(method: string, path: string | ((scene: Scene) => string), judge: Judge, body?: unknown): Door {
  return async (scene, token, alsoElsewhere) => {
    const to = typeof path === 'string' ? path : path(scene);
    const answer = await ask(scene, method, to, token, body);
    const word = wordOf(answer, token, judge);
    if (!alsoElsewhere) return word;
    if (method === 'GET') {
      const { status, text } = await ask(scene, 'HEAD', to, token);
      const like = isLong(to) ? 404 : answer.status;
      if (text !== '' || status !== like) return `${word}, but HEAD ${status} ${text}`;
    }
    if (token === undefined) return word;
    const inQuery = `${to}${to.includes('?') ? '&' : '?'}access_token=${encodeURIComponent(token)}`;
    const other = wordOf(await ask(scene, method, inQuery, undefined, body), token, judge);
    const expected = method === 'GET' ? word : '401';
    return other === expected ? word : `${word}, but ${other} by the URL`;
  };
}

const open: Judge = () => 'open';

/** Whether an answer may take any time: it has no length to ask for, and no HEAD. */
const isLong = (path: string) => /^\/v1\/(stream|changes|replay)\b/.test(path);

/** Runs what may change fleets, and says which it has changed: `done`, the reds’; `apart`, the blues’. */
function changing(door: Door, sends: Judge): Door {
  return async (scene, token, alsoElsewhere) => {
    const [red, blue] = [scene.stateOf('red'), scene.stateOf('blue')];
    const word = await door(scene, token, alsoElsewhere);
    const [isRed, isBlue] = [scene.stateOf('red') !== red, scene.stateOf('blue') !== blue];
    scene.restore();
    const did = isRed ? (isBlue ? 'changed both fleets' : 'done') : isBlue ? 'apart' : '';
    if (word !== 'sent') return did === '' ? word : `${word}, but ${did}`;
    return did === '' ? sends('', 0) : did;
  };
}

/** A fix of a driver that has moved a little. @param more fields of it */
const fix = (driverId: string, more = {}) => ({
  driverId,
  latitude: RED.lat + 1e-4,
  longitude: RED.lng,
  ...more,
});

const verdicts: Judge = (text) => {
  const { results } = JSON.parse(text);
  const [{ verdict, code }] = results;
  if (verdict === 'accepted') return 'sent';
  return code === 'forbidden' ? verdict : code;
};

/** A write over HTTP; the token in the URL, which is not looked at, could not change anything. */
const write = (method: string, path: string, judge: Judge, body?: unknown) =>
  changing(http(method, path, judge, body), () => 'nothing');

const AREA = 'latitude=30&longitude=-97&radius=5000';
const BOX = `bbox=${RED.lng - 0.1},${RED.lat - 0.1},${RED.lng + 0.1},${BLUE.lat + 0.1}`;
const around = 'around=d1&radius=5000';
const ring = [
  [RED.lng - 0.1, RED.lat - 0.1],
  [RED.lng + 0.1, RED.lat - 0.1],
  [RED.lng, RED.lat + 0.2],
  [RED.lng - 0.1, RED.lat - 0.1],
];

/** A stream that has no end of its own: its first event, or its refusal. */
function stream(pathOf: (scene: Scene) => string): Door {
  const open = async (scene: Scene, token: string | undefined, path: string, headers: Record<string, string>) => {
    const asked = request({ host: '127.0.0.1', port: scene.port, path, headers, agent: false });
    asked.end();
    try {
      const [response] = (await once(asked, 'response')) as [IncomingMessage];
      let text = '';
      for await (const data of response) {
        text += data;
        if (response.statusCode === 200 && /^data: .*\n\n/m.test(text)) break;
      }
      return wordOf({ status: response.statusCode ?? 0, headers: response.headers, text }, token, seen);
    } finally {
      asked.destroy();
    }
  };
  return async (scene, token, alsoElsewhere) => {
    const path = pathOf(scene);
    const word = await open(scene, token, path, bearer(token));
    if (!alsoElsewhere) return word;
    const { status } = await ask(scene, 'HEAD', path, token);
    if (status !== 404) return `${word}, but HEAD ${status}`;
    if (token === undefined) return word;
    const other = await open(scene, token, `${path}&access_token=${encodeURIComponent(token)}`, {});
    return other === word ? word : `${word}, but ${other} by the URL`;
  };
}

/** How a WebSocket is given its token. */
type Way = (token: string) => [query: string, protocols?: string[], headers?: Record<string, string>];

const WAYS = {
  header: (token) => ['', [], bearer(token)],
  subprotocol: (token) => ['', ['nearcast.v1', `bearer.${token}`]],
  query: (token) => [`access_token=${encodeURIComponent(token)}`],
} satisfies Record<string, Way>;

/** What a good conversation means, by the answers. */
type Listen = (answers: readonly Message[]) => string;

/**
 * A WebSocket on which messages are sent: the word for what is heard until all of them have been handled. A close is its
 * code; an `error`, after which the connection goes on, the status that HTTP has for its code.
 *
 * @param hasSeen whether the peer had another token before, by which it was told of somebody
 */
function socket(
  way: Way,
  query: string,
  messages: (token: string | undefined) => Message[],
  listen: Listen,
  hasSeen = false,
): Door {
  return async ({ port }, token) => {
    const [inUrl, protocols, headers] = token === undefined ? [''] : way(token);
    const url = `ws://127.0.0.1:${port}/ws?${[query, inUrl].filter((part) => part !== '').join('&')}`;
    const client = await Client.open(url, protocols, headers);
    const sent = messages(token);
    const said: Message[] = [];
    try {
      for (const message of sent) client.send(message);
      const isOver = () => sent.every(({ id }) => id === undefined || said.some((one) => one.id === id));
      do {
        for (const id of ['turn', 'next turn']) {
          client.send({ type: 'ping', id });
          for (;;) {
            const message = await client.next();
            said.push(message);
            if (message.id === id) break;
          }
        }
      } while (!isOver());
      return wordOfMessages(said, token, listen);
    } catch {
      const { code } = await client.closed;
      const { code: why } = said.findLast(({ type }) => type === 'error') ?? {};
      const isFitting = hasSeen || seen(JSON.stringify(said)) === 'blind';
      return isFitting && `44${statusOf(why).slice(1)}` === String(code)
        ? String(code)
        : `${code} after ${JSON.stringify(said)}`;
    } finally {
      client.socket.terminate();
    }
  };
}

function wordOfMessages(said: readonly Message[], token: string | undefined, listen: Listen): string {
  const answers = said.filter(({ id }) => id !== 'turn' && id !== 'next turn');
  const error = answers.find(({ type }) => type === 'error');
  if (error === undefined) return listen(answers);
  const text = JSON.stringify(said);
  const isFitting = seen(text) === 'blind' && (!token || !text.includes(token));
  return isFitting ? statusOf(error.code) : text;
}

function statusOf(code: string): string {
  return Object.keys(CODES).find((status) => CODES[Number(status)] === code) ?? `error ${code}`;
}

const told: Listen = (answers) => seen(JSON.stringify(answers));
const acknowledged: Listen = ([{ verdict, code, results }]) =>
  verdicts(JSON.stringify({ results: results ?? [{ verdict, code }] }), 200);
const heard =
  (type: string): Listen =>
  (answers) =>
    answers.some((answer) => answer.type === type) ? 'open' : JSON.stringify(answers);

/** A share is made: what whoever gets it is told. */
function sharing(wish: object, path: string): Door {
  return async (scene, token, alsoElsewhere) => {
    let made: MadeShare | undefined;
    const judge: Judge = (text) => {
      made = JSON.parse(text);
      return 'made';
    };
    const word = await http('POST', '/v1/shares', judge, wish)(scene, token, alsoElsewhere);
    if (word !== 'made' || made === undefined) return word;
    const shown = await http('GET', path, seen)(scene, made.token, false);
    await ask(scene, 'DELETE', `/v1/shares/${made.id}`, token);
    return shown;
  };
}

/** A share of the reds is ended, which then lets nobody in. */
const endingShare: Door = async (scene, token, alsoElsewhere) => {
  const share = await makeShare(scene, jwt(claims({ sub: 'maker' })), { driverId: 'd1' });
  const word = await http('DELETE', `/v1/shares/${share.id}`, () => 'done')(scene, token, alsoElsewhere);
  const { status } = await ask(scene, 'GET', '/v1/drivers/d1', share.token);
  return status === (word === 'done' ? 401 : 200) ? word : `${word}, and the share says ${status}`;
};

let revocations = 0;

/** Tokens of a name are revoked: `done`, those of the reds; `apart`, those of the blues. */
const revoking: Door = async (scene, token, alsoElsewhere) => {
  const jti = `token ${++revocations}`;
  const body = { jti, expiresAt: Date.now() + 60_000 };
  const word = await http('POST', '/v1/revocations', () => 'done', body)(scene, token, alsoElsewhere);
  const [red, blue] = await Promise.all(
    ['red', 'blue'].map((fleet) => ask(scene, 'GET', '/v1/drivers/d1', jwt(claims({ fleet, jti })))),
  );
  const after = `${red.status} ${blue.status}`;
  if (word === 'done' && after === '200 401') return 'apart';
  return after === (word === 'done' ? '401 200' : '200 200') ? word : `${word}, and then ${after}`;
};

/** The handshake of a page that no setting allows. */
const foreignPage: Door = async (scene, token) => {
  const handshake = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' };
  const page = { 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==', origin: 'https://elsewhere.test' };
  const answer = await ask(scene, 'GET', '/ws', token, undefined, { ...handshake, ...page });
  const { connection } = answer.headers;
  return connection === 'close' ? wordOf(answer, token, open) : `its connection is to ${connection}`;
};

const EVERYBODY = { type: 'subscribe', subscription: 's' };
const header = (messages: Message[], listen: Listen) => socket(WAYS.header, '', () => messages, listen);
const send = (message: Message) => changing(header([message], acknowledged), () => 'nothing');

/** A connection that the boss has opened is given another token. */
const refreshed = (boss: () => string, first: Message[]): Door =>
  socket(
    () => WAYS.header(boss()),
    '',
    (token) => [...first, { type: 'authenticate', token, id: 'refresh' }],
    heard('authenticated'),
    first.length > 0,
  );

/** What anybody may read. */
const PAGES = [
  ...['/', '/livez', '/readyz', '/openapi.yaml', '/asyncapi.yaml', '/docs', '/docs/json', '/docs/yaml'],
  ...['/docs/static/index.html', '/docs/static/swagger-initializer.js', '/driver', '/rider'],
];

/**
 * Every door, by its name in the table: for one over HTTP that begins with its route.
 *
 * @param boss a token that may do everything
 */
export function doors(boss: () => string): Readonly<Record<string, Door>> {
  const past = ({ since }: Scene) => `from=${since + 1}&to=${since + 30_000}`;
  return {
    'GET /v1/drivers/nearby': http('GET', `/v1/drivers/nearby?${AREA}`, seen),
    'GET /v1/drivers/:driverId': http('GET', '/v1/drivers/d1', seen),
    'GET /v1/drivers/:driverId/track': http('GET', '/v1/drivers/d1/track', seen),
    'GET /v1/drivers': http('GET', '/v1/drivers', seen),
    'GET /v1/drivers bbox': http('GET', `/v1/drivers?${BOX}`, seen),
    'GET /v1/drivers around': http('GET', `/v1/drivers?${around}`, seen),
    'POST /v1/drivers/search': http('POST', '/v1/drivers/search', seen, { type: 'Polygon', coordinates: [ring] }),
    'GET /v1/cells': http('GET', `/v1/cells?resolution=${CELLS}`, seen),
    'GET /v1/changes': http('GET', `/v1/changes?${AREA}&wait=0`, seen),
    'GET /v1/changes around': http('GET', `/v1/changes?${around}&wait=0`, seen),
    'GET /v1/stream': stream(() => `/v1/stream?${AREA}`),
    'GET /v1/stream around': stream(() => `/v1/stream?${around}`),
    'GET /v1/replay': stream((scene) => `/v1/replay?${past(scene)}`),
    'GET /v1/replay around': stream((scene) => `/v1/replay?${around}&${past(scene)}`),
    'POST /v1/positions d1': write('POST', '/v1/positions', verdicts, fix('d1')),
    'POST /v1/positions d2': write('POST', '/v1/positions', verdicts, fix('d2')),
    'POST /v1/positions [d2]': write('POST', '/v1/positions', verdicts, { positions: [fix('d2')] }),
    'DELETE /v1/drivers/:driverId d1': write('DELETE', '/v1/drivers/d1', () => 'sent'),
    'DELETE /v1/drivers/:driverId d2': write('DELETE', '/v1/drivers/d2', () => 'sent'),
    'POST /v1/shares d1': sharing({ driverId: 'd1' }, '/v1/drivers/d1'),
    'POST /v1/shares circle': sharing({ latitude: RED.lat, longitude: RED.lng, radius: 0.5 }, '/v1/drivers'),
    'GET /v1/shares': http('GET', '/v1/shares', seen),
    'DELETE /v1/shares/:id': endingShare,
    'POST /v1/revocations': revoking,
    'GET /v1/revocations': http('GET', '/v1/revocations', seen),
    'GET /metrics': http('GET', '/metrics', (text) => (seen(text) === 'blind' ? 'open' : text)),

    'ws by header': header([EVERYBODY], told),
    'ws by subprotocol': socket(WAYS.subprotocol, '', () => [EVERYBODY], told),
    'ws by query': socket(WAYS.query, '', () => [EVERYBODY], told),
    'ws by authenticate': socket(
      () => [''],
      '',
      (token) => [...(token === undefined ? [] : [{ type: 'authenticate', token }]), EVERYBODY],
      told,
    ),
    'ws from a foreign page': foreignPage,
    'ws ?area': socket(WAYS.header, AREA, () => [], told),
    'ws ?around': socket(WAYS.header, around, () => [], told),
    'ws subscribe around': header([{ ...EVERYBODY, around: 'd1', radius: 5000 }], told),
    'ws update': header(
      [
        { ...EVERYBODY, latitude: 0, longitude: 0, radius: 1 },
        { type: 'update', subscription: 's', radius: 1e5, latitude: RED.lat, longitude: RED.lng },
      ],
      told,
    ),
    'ws unsubscribe': header([EVERYBODY, { type: 'unsubscribe', subscription: 's' }], heard('unsubscribed')),
    'ws ping': header([{ type: 'ping', id: 'p' }], heard('pong')),
    'ws fix d1': send(fix('d1', { id: 'f' })),
    'ws fix d2': send(fix('d2', { id: 'f' })),
    'ws fix of no driverId': send(fix('d1', { driverId: undefined, id: 'f' })),
    'ws position d2': send(fix('d2', { type: 'position', id: 'f' })),
    'ws positions [d1]': send({ type: 'positions', id: 'f', positions: [fix('d1')] }),
    'ws positions [d2]': send({ type: 'positions', id: 'f', positions: [fix('d2')] }),
    'ws refresh': refreshed(boss, []),
    'ws refresh while watching': refreshed(boss, [EVERYBODY]),

    ...Object.fromEntries(PAGES.map((path) => [`GET ${path}`, http('GET', path, open)])),
    'GET /docs/static/*': http('GET', '/docs/static/swagger-ui.css', open),
    'GET /assets/*': http('GET', `/assets/${anAsset()}`, open),
    'GET /ws': http('GET', '/ws', open),
  };
}

/** What a page loads, whichever it is. */
function anAsset(): string {
  return readdirSync(join(PAGES_DIR, 'assets')).find((name) => name.endsWith('.svg')) as string;
}
