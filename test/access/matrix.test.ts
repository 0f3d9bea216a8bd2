import { expect, test } from 'vitest';
import { doors } from './doors.ts';
import { COARSE, makeScene, RED, type Scene } from './scene.ts';
import { badTokens, claims, jwt, jwtBy, KEYS } from './tokens.ts';

/** Who comes to the doors: with which token. All are of the reds, but for one. */
const VISITORS: Readonly<Record<string, (scene: Scene) => string>> = {
  none: () => jwt(claims({ scope: undefined })),
  reader: () => jwtBy(KEYS.RS256, claims({ scope: 'positions:read' })),
  driver: () => jwtBy(KEYS.ES256, claims({ scope: 'positions:write' })),
  other: () => jwt(claims({ scope: 'positions:write', sub: 'd2' })),
  gateway: () => jwtBy(KEYS.EdDSA, claims({ scope: 'positions:write:any' })),
  metrics: () => jwt(claims({ scope: 'metrics:read' })),
  manager: () => jwt(claims({ scope: 'access:manage' })),
  blue: () => jwt(claims({ fleet: 'blue' })),
  afar: () => jwt(claims({ area: { latitude: -30, longitude: 97, radius: 5000 } })),
  near: () => jwt(claims({ area: { latitude: RED.lat, longitude: RED.lng, radius: 1 } })),
  coarse: () => jwt(claims({ precision: COARSE })),
  share: ({ shares }) => shares.driver,
  circle: ({ shares }) => shares.circle,
  boss: () => jwt(claims()),
};

/*
 * What each door says to whom. `nobody` has no token; `bad` are all of those that no door may take, one by one; then the
 * visitors above.
 *
 * 401, 403, 404, 426: refused by a problem of that status and its code; on a WebSocket, which goes on, by an `error` of
 * that code. 4401, 4403: the WebSocket is closed. sees: is told of the reds. coarse: likewise, but for where they are.
 * apart: is told of the blues, or changes them, and nothing of the reds. blind: is answered, and told of nobody. done: has
 * changed the reds. refused: is answered with that verdict and `forbidden`, and has changed nothing; invalid: likewise.
 * open: is answered. Of a share that is made, it is what that is told.
 */

/** By what the token allows. */
const BY_SCOPE = `
                                 nobody bad  none reader driver  other   gateway metrics manager boss
GET /v1/drivers/nearby           401    401  403  sees   403     403     403     403     403     sees
GET /v1/drivers/:driverId        401    401  403  sees   403     403     403     403     403     sees
GET /v1/drivers/:driverId/track  401    401  403  sees   403     403     403     403     403     sees
GET /v1/drivers                  401    401  403  sees   403     403     403     403     403     sees
GET /v1/drivers bbox             401    401  403  sees   403     403     403     403     403     sees
GET /v1/drivers around           401    401  403  sees   403     403     403     403     403     sees
POST /v1/drivers/search          401    401  403  sees   403     403     403     403     403     sees
GET /v1/cells                    401    401  403  sees   403     403     403     403     403     sees
GET /v1/changes                  401    401  403  sees   403     403     403     403     403     sees
GET /v1/changes around           401    401  403  sees   403     403     403     403     403     sees
GET /v1/stream                   401    401  403  sees   403     403     403     403     403     sees
GET /v1/stream around            401    401  403  sees   403     403     403     403     403     sees
GET /v1/replay                   401    401  403  sees   403     403     403     403     403     sees
GET /v1/replay around            401    401  403  sees   403     403     403     403     403     sees
POST /v1/positions d1            401    401  403  403    done    refused done    403     403     done
POST /v1/positions d2            401    401  403  403    refused done    done    403     403     done
POST /v1/positions [d2]          401    401  403  403    refused done    done    403     403     done
DELETE /v1/drivers/:driverId d1  401    401  403  403    done    403     done    403     403     done
DELETE /v1/drivers/:driverId d2  401    401  403  403    403     done    done    403     403     done
POST /v1/shares d1               401    401  403  sees   403     403     403     403     403     sees
POST /v1/shares circle           401    401  403  sees   403     403     403     403     403     sees
GET /v1/shares                   401    401  403  blind  403     403     403     403     sees    sees
DELETE /v1/shares/:id            401    401  403  404    403     403     403     403     done    done
POST /v1/revocations             401    401  403  403    403     403     403     403     done    done
GET /v1/revocations              401    401  403  403    403     403     403     403     sees    sees
GET /metrics                     401    401  403  403    403     403     403     open    403     open
ws by header                     401    4401 403  sees   403     403     403     403     403     sees
ws by subprotocol                401    4401 403  sees   403     403     403     403     403     sees
ws by query                      401    4401 403  sees   403     403     403     403     403     sees
ws by authenticate               401    4401 403  sees   403     403     403     403     403     sees
ws ?area                         blind  4401 403  sees   403     403     403     403     403     sees
ws ?around                       blind  4401 403  sees   403     403     403     403     403     sees
ws subscribe around              401    4401 403  sees   403     403     403     403     403     sees
ws update                        401    4401 403  sees   403     403     403     403     403     sees
ws unsubscribe                   401    4401 403  open   403     403     403     403     403     open
ws ping                          401    4401 open open   open    open    open    open    open    open
ws fix d1                        401    4401 403  403    done    refused done    403     403     done
ws fix d2                        401    4401 403  403    refused done    done    403     403     done
ws fix of no driverId            401    4401 403  403    done    done    invalid 403     403     invalid
ws position d2                   401    4401 403  403    refused done    done    403     403     done
ws positions [d1]                401    4401 403  403    done    refused done    403     403     done
ws positions [d2]                401    4401 403  403    refused done    done    403     403     done
ws refresh                       -      4401 open open   open    4403    open    open    open    open
ws refresh while watching        -      4401 4403 open   4403    4403    4403    4403    4403    open
ws from a foreign page           403 to all
GET /ws                          426 to all
GET /                            open to all
GET /livez                       open to all
GET /readyz                      open to all
GET /openapi.yaml                open to all
GET /asyncapi.yaml               open to all
GET /docs                        open to all
GET /docs/json                   open to all
GET /docs/yaml                   open to all
GET /docs/static/*               open to all
GET /docs/static/index.html      open to all
GET /docs/static/swagger-initializer.js open to all
GET /driver                      open to all
GET /rider                       open to all
GET /assets/*                    open to all
`;

/** By what of whom the token shows; all but shares allow everything. */
const BY_SIGHT = `
                                 blue    afar    near    coarse  share   circle  boss
GET /v1/drivers/nearby           apart   blind   sees    coarse  sees    sees    sees
GET /v1/drivers/:driverId        apart   404     sees    coarse  sees    sees    sees
GET /v1/drivers/:driverId/track  apart   404     sees    coarse  403     403     sees
GET /v1/drivers                  apart   blind   sees    coarse  sees    sees    sees
GET /v1/drivers bbox             apart   blind   sees    coarse  sees    sees    sees
GET /v1/drivers around           apart   404     sees    coarse  sees    sees    sees
POST /v1/drivers/search          apart   blind   sees    coarse  sees    sees    sees
GET /v1/cells                    apart   blind   sees    coarse  sees    sees    sees
GET /v1/changes                  apart   blind   sees    coarse  sees    sees    sees
GET /v1/changes around           apart   blind   sees    coarse  sees    sees    sees
GET /v1/stream                   apart   blind   sees    coarse  sees    sees    sees
GET /v1/stream around            apart   blind   sees    coarse  sees    sees    sees
GET /v1/replay                   apart   blind   sees    coarse  403     403     sees
GET /v1/replay around            apart   blind   sees    coarse  403     403     sees
POST /v1/positions d1            apart   done    done    done    403     403     done
POST /v1/positions d2            apart   done    done    done    403     403     done
POST /v1/positions [d2]          apart   done    done    done    403     403     done
DELETE /v1/drivers/:driverId d1  apart   done    done    done    403     403     done
DELETE /v1/drivers/:driverId d2  apart   done    done    done    403     403     done
POST /v1/shares d1               apart   404     sees    coarse  403     403     sees
POST /v1/shares circle           blind   403     sees    blind   403     403     sees
GET /v1/shares                   apart   sees    sees    sees    403     403     sees
DELETE /v1/shares/:id            404     done    done    done    403     403     done
POST /v1/revocations             apart   done    done    done    403     403     done
GET /v1/revocations              apart   sees    sees    sees    403     403     sees
GET /metrics                     open    open    open    open    403     403     open
ws by header                     apart   blind   sees    coarse  sees    sees    sees
ws by subprotocol                apart   blind   sees    coarse  sees    sees    sees
ws by query                      apart   blind   sees    coarse  sees    sees    sees
ws by authenticate               apart   blind   sees    coarse  sees    sees    sees
ws ?area                         apart   blind   sees    coarse  sees    sees    sees
ws ?around                       apart   blind   sees    coarse  sees    sees    sees
ws subscribe around              apart   blind   sees    coarse  sees    sees    sees
ws update                        apart   blind   sees    coarse  sees    sees    sees
ws unsubscribe                   open    open    open    open    open    open    open
ws ping                          open    open    open    open    open    open    open
ws fix d1                        apart   done    done    done    403     403     done
ws fix d2                        apart   done    done    done    403     403     done
ws fix of no driverId            invalid invalid invalid invalid 403     403     invalid
ws position d2                   apart   done    done    done    403     403     done
ws positions [d1]                apart   done    done    done    403     403     done
ws positions [d2]                apart   done    done    done    403     403     done
ws refresh                       4403    open    open    open    4403    4403    open
ws refresh while watching        4403    4403    4403    4403    4403    4403    open
`;

interface Cell {
  readonly door: string;
  readonly who: string;
  readonly word: string;
}

/** The cells of a table. */
function cellsOf(table: string): Cell[] {
  const [head, ...rows] = table.trim().split('\n');
  const columns = head.trim().split(/ +/);
  return rows.flatMap((row) => {
    const words = row.split(/ +/);
    const isToAll = row.endsWith(' to all');
    const door = words.slice(0, isToAll ? -3 : -columns.length).join(' ');
    if (isToAll) return columns.map((who) => ({ door, who, word: words.at(-3) as string }));
    return columns.map((who, column) => ({ door, who, word: words[words.length - columns.length + column] }));
  });
}

/** Says of all cells of a table what is said there, where it is something else. */
async function findWrong(table: string): Promise<string[]> {
  const scene = await makeScene();
  const every = doors(() => VISITORS.boss(scene));
  const bad = Object.entries({ ...badTokens(), ...scene.bad });
  const wrong: string[] = [];
  for (const [number, { door, who, word }] of cellsOf(table).entries()) {
    if (word === '-') continue;
    // A bad token closes a WebSocket before any message, so that each door for a message is tried with some of them.
    const every7th = /^ws (?!by )/.test(door) ? bad.filter((_, index) => index % 7 === number % 7) : bad;
    const tokens =
      who === 'bad' ? (isOpen(door) ? bad.slice(0, 1) : every7th) : [[who, VISITORS[who]?.(scene)] as const];
    // All at once, as those of which there are many change nothing.
    await Promise.all(
      tokens.map(async ([what, token], index) => {
        // Of many tokens one is enough to be looked for elsewhere too, each time another.
        const alsoElsewhere = isOpen(door) ? who === 'boss' : index === number % tokens.length;
        const said = await every[door](scene, token, alsoElsewhere);
        if (said !== word) wrong.push(`${door}: ${said} to ${what}, not ${word}`);
      }),
    );
  }
  return wrong;
}

/** Whether a door says the same to everybody. */
const isOpen = (door: string) =>
  BY_SCOPE.split('\n').some((row) => row.startsWith(`${door} `) && row.endsWith(' to all'));

test('every door says what the table says to each token, whatever is wrong with it, and wherever it is', async () => {
  expect((await findWrong(BY_SCOPE)).slice(0, 30)).toEqual([]);
});

test('every door shows what a token may see, and nothing else', async () => {
  expect((await findWrong(BY_SIGHT)).slice(0, 30)).toEqual([]);
});

test('there is no door without a row', async () => {
  const { routes } = await makeScene();
  const namesOf = (table: string) => [...new Set(cellsOf(table).map(({ door }) => door))];
  const names = namesOf(BY_SCOPE);
  // A GET is asked by HEAD too, and with a slash at the end is the same. Each file of the pages is a route.
  const asked = [...routes].map((route) =>
    route
      .replace(/^HEAD/, 'GET')
      .replace(/([^ ])\/$/, '$1')
      .replace(/^GET \/assets\/.*/, 'GET /assets/*'),
  );
  const rows = new Set(names.map((name) => name.split(' ').slice(0, 2).join(' ')));
  expect(asked.filter((route) => !rows.has(route))).toEqual([]);
  expect(names.sort()).toEqual(Object.keys(doors(() => '')).sort());
  expect(namesOf(BY_SIGHT).sort()).toEqual(names.filter((name) => !isOpen(name)));
});
