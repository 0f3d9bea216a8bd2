import { expect, test } from 'vitest';
import { doors } from './doors.ts';
import { COARSE, makeScene, RED } from './scene.ts';
import { badTokens, claims, jwt } from './tokens.ts';

/** Who comes to the doors: what its token says beside what is good here. All are of the reds, but for one. */
const VISITORS = {
  none: () => jwt(claims({ scope: undefined })),
  reader: () => jwt(claims({ scope: 'positions:read' })),
  driver: () => jwt(claims({ scope: 'positions:write' })),
  other: () => jwt(claims({ scope: 'positions:write', sub: 'd2' })),
  gateway: () => jwt(claims({ scope: 'positions:write:any' })),
  metrics: () => jwt(claims({ scope: 'metrics:read' })),
  blue: () => jwt(claims({ fleet: 'blue' })),
  afar: () => jwt(claims({ area: { latitude: -30, longitude: 97, radius: 5000 } })),
  near: () => jwt(claims({ area: { latitude: RED.lat, longitude: RED.lng, radius: 1 } })),
  coarse: () => jwt(claims({ precision: COARSE })),
  boss: () => jwt(claims()),
};

/**
 * What each door says to whom. `nobody` has no token; `bad` are all of those that no door may take, one by one; then the
 * visitors above.
 *
 * 401, 403, 404, 426: refused by a problem of that status and its code; on a WebSocket, which goes on, by an `error` of
 * that code. 4401, 4403: the WebSocket is closed. sees: is told of the reds. coarse: likewise, but for where they are. apart: is told of the blues, or changes
 * them, and nothing of the reds. blind: is answered, and told of nobody. done: has changed the reds. refused: is answered
 * with that verdict and `forbidden`, and has changed nothing; invalid: likewise. open: is answered.
 */
const TABLE = `
                              nobody bad  none  reader driver other gateway metrics blue  afar  near  coarse boss
GET /v1/drivers/nearby           401 401  403   sees   403    403   403     403     apart blind sees  coarse sees
GET /v1/drivers/:driverId        401 401  403   sees   403    403   403     403     apart 404   sees  coarse sees
GET /v1/drivers/:driverId/track  401 401  403   sees   403    403   403     403     apart -     -     -      sees
GET /v1/drivers                  401 401  403   sees   403    403   403     403     apart blind sees  coarse sees
GET /v1/drivers bbox             401 401  403   sees   403    403   403     403     apart blind sees  coarse sees
GET /v1/drivers around           401 401  403   sees   403    403   403     403     apart 404   sees  coarse sees
POST /v1/drivers/search          401 401  403   sees   403    403   403     403     apart blind sees  coarse sees
GET /v1/cells                    401 401  403   sees   403    403   403     403     apart blind sees  coarse sees
GET /v1/changes                  401 401  403   sees   403    403   403     403     apart blind sees  coarse sees
GET /v1/changes around           401 401  403   sees   403    403   403     403     apart blind sees  coarse sees
GET /v1/stream                   401 401  403   sees   403    403   403     403     apart blind sees  coarse sees
GET /v1/stream around            401 401  403   sees   403    403   403     403     apart blind sees  coarse sees
GET /v1/replay                   401 401  403   sees   403    403   403     403     apart -     -     -      sees
GET /v1/replay around            401 401  403   sees   403    403   403     403     apart -     -     -      sees
POST /v1/positions d1            401 401  403   403    done   refused done  403     apart done  done  done   done
POST /v1/positions d2            401 401  403   403    refused done done    403     apart done  done  done   done
POST /v1/positions [d2]          401 401  403   403    refused done done    403     apart done  done  done   done
DELETE /v1/drivers/:driverId d1  401 401  403   403    done   403   done    403     apart done  done  done   done
DELETE /v1/drivers/:driverId d2  401 401  403   403    403    done  done    403     apart done  done  done   done
GET /metrics                     401 401  403   403    403    403   403     open    open  open  open  open   open
ws by header                     401 4401 403   sees   403    403   403     403     apart blind sees  coarse sees
ws by subprotocol                401 4401 403   sees   403    403   403     403     apart blind sees  coarse sees
ws by query                      401 4401 403   sees   403    403   403     403     apart blind sees  coarse sees
ws by authenticate               401 4401 403   sees   403    403   403     403     apart blind sees  coarse sees
ws ?area                         blind 4401 403 sees   403    403   403     403     apart blind sees  coarse sees
ws ?around                       blind 4401 403 sees   403    403   403     403     apart blind sees  coarse sees
ws subscribe around              401 4401 403   sees   403    403   403     403     apart blind sees  coarse sees
ws update                        401 4401 403   sees   403    403   403     403     apart blind sees  coarse sees
ws unsubscribe                   401 4401 403   open   403    403   403     403     open  open  open  open   open
ws ping                          401 4401 open  open   open   open  open    open    open  open  open  open   open
ws fix d1                        401 4401 403   403    done   refused done  403     apart done  done  done   done
ws fix d2                        401 4401 403   403    refused done done    403     apart done  done  done   done
ws fix of no driverId            401 4401 403   403    done   done  invalid 403     invalid invalid invalid invalid invalid
ws position d2                   401 4401 403   403    refused done done    403     apart done  done  done   done
ws positions [d1]                401 4401 403   403    done   refused done  403     apart done  done  done   done
ws positions [d2]                401 4401 403   403    refused done done    403     apart done  done  done   done
ws refresh                       -   4401 open  open   open   4403  open    open    4403  open  open  open   open
ws refresh while watching        -   4401 4403  open   4403   4403  4403    4403    4403  4403  4403  4403   open
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
`;

const [HEAD, ...ROWS] = TABLE.trim().split('\n');
const COLUMNS = HEAD.trim().split(/ +/);

/** The name of a row, and its cells. */
function readRow(row: string): { door: string; cells: string[] } {
  const words = row.split(/ +/);
  if (row.endsWith(' to all')) return { door: words.slice(0, 2).join(' '), cells: COLUMNS.map(() => words[2]) };
  return { door: words.slice(0, -COLUMNS.length).join(' '), cells: words.slice(-COLUMNS.length) };
}

/** Whether a door says the same to everybody. */
const isOpen = (cells: readonly string[]) => new Set(cells).size === 1;

test('every door says to everybody what the table says, whatever is wrong with a token, and wherever it is', async () => {
  const scene = await makeScene();
  const every = doors(VISITORS.boss);
  const bad = Object.entries(badTokens());
  const wrong: string[] = [];
  for (const [row, { door, cells }] of ROWS.map(readRow).entries()) {
    for (const [column, cell] of cells.entries()) {
      if (cell === '-') continue;
      // What asks for no token reads none.
      const tokens = isOpen(cells) ? tokensOf(COLUMNS[column]).slice(0, 1) : tokensOf(COLUMNS[column]);
      for (const [index, [who, token]] of tokens.entries()) {
        // Of many tokens one is enough for it, each time another.
        const word = await every[door](scene, token, index === row % tokens.length);
        if (word !== cell) wrong.push(`${door}: ${word} to ${who}, not ${cell}`);
      }
    }
  }
  expect(wrong.slice(0, 30)).toEqual([]);

  function tokensOf(column: string): [who: string, token: string | undefined][] {
    if (column === 'nobody') return [['nobody', undefined]];
    if (column === 'bad') return bad.map(([fault, token]) => [`a token ${fault}`, token]);
    return [[column, VISITORS[column as keyof typeof VISITORS]()]];
  }
});

test('there is no door without a row', async () => {
  const { routes } = await makeScene();
  const rows = new Set(ROWS.map((row) => readRow(row).door.split(' ').slice(0, 2).join(' ')));
  // A GET is asked by HEAD too, and with a slash at the end is the same.
  const asked = [...routes].map((route) => route.replace(/^HEAD/, 'GET').replace(/([^ ])\/$/, '$1'));
  expect(asked.filter((route) => !rows.has(route))).toEqual([]);
  expect(Object.keys(doors(VISITORS.boss)).sort()).toEqual(ROWS.map((row) => readRow(row).door).sort());
});
