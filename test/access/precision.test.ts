import { cellToBoundary, cellToLatLng, latLngToCell } from 'h3-js';
import { expect, test } from 'vitest';
import { MemoryStore } from '../../src/store/memory.ts';
import { MemoryReplays } from '../../src/store/memory-replays.ts';
import { MemoryTracks } from '../../src/store/memory-tracks.ts';
import { EventStreamReader } from '../support/event-stream.ts';
import { trueDistance } from '../support/geodesic.ts';
import { type Random, seeded } from '../support/random.ts';
import { startServer, type TestServer, token } from '../support/server.ts';

// What a token with a `precision` is told must not depend on where in its cell a driver is. Two fleets have the same drivers
// in the same cells, at other places in them: whatever is asked of the one and of the other, the answers are the same.

const PRECISION = 8;
const TOWN = [48.2, 16.37] as const;
const STEPS = 6;

/** Another place in the same cell. */
function elsewhere(random: Random, lat: number, lng: number): [lat: number, lng: number] {
  const cell = latLngToCell(lat, lng, PRECISION);
  const corners = cellToBoundary(cell);
  for (;;) {
    const [a, b] = [random.pick(corners), random.pick(corners)];
    const [s, t] = [random.next(), random.next()];
    const centre = cellToLatLng(cell);
    const at = [0, 1].map((i) => centre[i] + s * (a[i] - centre[i]) * t + (1 - s) * (b[i] - centre[i]) * t);
    if (latLngToCell(at[0], at[1], PRECISION) === cell) return [at[0], at[1]];
  }
}

/** What is the same for nobody: when, in which request, and at which moment of which fleet. */
function comparable(text: string): unknown {
  const kept = text
    .replace(/"(serverTime|receivedAt|requestId|cursor|next|id)":("[^"]*"|\d+)/g, '"$1":0')
    .replace(/"receivedAt":\[[^\]]*\]/g, '"receivedAt":[]')
    .replace(/after=[^"&]*/g, '');
  return kept;
}

async function makeWorld(): Promise<TestServer> {
  const store = new MemoryStore(undefined, 0);
  const history = { tracks: new MemoryTracks(store), replays: new MemoryReplays(store) };
  return startServer({ store, history });
}

const write = (fleet: string) => ({ authorization: `Bearer ${token({ fleet, scope: 'positions:write:any' })}` });
const coarse = (fleet: string, more: Parameters<typeof token>[0] = {}) => ({
  authorization: `Bearer ${token({ fleet, scope: 'positions:read', precision: PRECISION, ...more })}`,
});

test('what a token with a precision is told does not depend on where in its cell a driver is', async () => {
  const random = seeded('precision');
  const server = await makeWorld();
  const now = Date.now();
  const cursors = new Map<string, string>();
  let told = 0;
  for (let step = 0; step < STEPS; step++) {
    const [reds, blues] = [[], []] as object[][];
    for (let i = 0; i < 40; i++) {
      const [lat, lng] = [TOWN[0] + 0.03 * random.normal(), TOWN[1] + 0.03 * random.normal()];
      const [otherLat, otherLng] = elsewhere(random, lat, lng);
      const same = {
        driverId: `d${i}`,
        timestamp: now - 60_000 + 1_000 * step,
        attributes: { status: random.pick(['free', 'busy']) },
      };
      const own = () => ({
        heading: random.below(360),
        speed: random.below(30),
        altitude: random.below(900),
        accuracy: 1,
      });
      reds.push({ ...same, latitude: lat, longitude: lng, ...own() });
      blues.push({ ...same, latitude: otherLat, longitude: otherLng, ...own() });
    }
    for (const [fleet, positions] of [
      ['red', reds],
      ['blue', blues],
    ] as const) {
      expect((await server.post('/v1/positions', { positions }, write(fleet))).status).toBe(200);
    }
    for (const path of questions(random, now)) {
      const bounds = random.below(2) === 0 ? undefined : { latitude: TOWN[0], longitude: TOWN[1], radius: 3_000 };
      const more = bounds && { area: bounds };
      const answers = await Promise.all(
        ['red', 'blue'].map(async (fleet) => {
          const answer = await server.get(path, coarse(fleet, more));
          return { status: answer.status, text: comparable(await (answer as Response).text()) };
        }),
      );
      expect(answers[1], path).toEqual(answers[0]);
      expect(String(answers[0].text)).not.toMatch(/heading|speed|altitude|accuracy/);
      told += answers[0].status === 200 ? 1 : 0;
    }
    // A poll that goes on from the last one.
    const polled = await Promise.all(
      ['red', 'blue'].map(async (fleet) => {
        const path = `/v1/changes?latitude=${TOWN[0]}&longitude=${TOWN[1]}&radius=2500&wait=1`;
        const cursor = cursors.get(fleet);
        const answer = await server.get(cursor === undefined ? path : `${path}&cursor=${cursor}`, coarse(fleet));
        const text = await (answer as Response).text();
        cursors.set(fleet, JSON.parse(text).cursor);
        return comparable(text);
      }),
    );
    expect(polled[1]).toEqual(polled[0]);
  }
  expect(told).toBeGreaterThan(6 * STEPS);
  const replays = await Promise.all(['red', 'blue'].map((fleet) => replay(server, fleet, now)));
  expect(replays[0].size).toBeGreaterThan(3);
  expect(replays[1]).toEqual(replays[0]);
});

/** All ways to ask with a place in the question, or in the answer. */
function questions(random: Random, now: number): string[] {
  const lat = (TOWN[0] + 0.02 * random.normal()).toFixed(6);
  const lng = (TOWN[1] + 0.02 * random.normal()).toFixed(6);
  const circle = `latitude=${lat}&longitude=${lng}&radius=${random.pick([100, 700, 3_000])}`;
  const [w, s, e, n] = [Number(lng) - 0.01, Number(lat) - 0.013, Number(lng) + 0.017, Number(lat) + 0.007];
  const ring = [
    [w, s],
    [e, s],
    [e, n],
    [w, s],
  ];
  const polygon = encodeURIComponent(JSON.stringify({ type: 'Polygon', coordinates: [ring] }));
  const id = `d${random.below(40)}`;
  return [
    `/v1/drivers/nearby?${circle}&limit=${1 + random.below(12)}`,
    `/v1/drivers/nearby?${circle}&attributes.status=free`,
    `/v1/drivers?bbox=${w},${s},${e},${n}`,
    `/v1/drivers?${circle}`,
    `/v1/drivers?polygon=${polygon}&limit=7`,
    `/v1/drivers?around=${id}&radius=800`,
    `/v1/drivers/${id}`,
    `/v1/cells?resolution=${random.pick([7, 9, 12, 15])}&${circle}`,
    `/v1/drivers/${id}/track`,
    `/v1/drivers/${id}/track?from=${now - 59_500}&limit=2&simplify=150`,
    `/v1/changes?around=${id}&radius=900`,
    `/v1/changes?bbox=${w},${s},${e},${n}&attributes.status=busy&maxAge=600`,
  ];
}

/** Who is where at the end of what was, by a replay of a circle. */
async function replay(server: TestServer, fleet: string, now: number): Promise<ReadonlyMap<string, unknown>> {
  const reader = await EventStreamReader.open(
    `http://127.0.0.1:${server.port}/v1/replay?latitude=${TOWN[0]}&longitude=${TOWN[1]}&radius=4000&from=${now - 61_000}&to=${now - 50_000}&speed=60`,
    coarse(fleet),
  );
  expect(reader.status).toBe(200);
  await reader.ended;
  const { drivers } = reader.belief;
  return new Map(
    [...drivers].map(([id, driver]) => [id, JSON.stringify({ ...(driver as object), receivedAt: 0, distance: 0 })]),
  );
}

test('whoever measures distances from many places finds the middle of the cell, and no driver', async () => {
  const random = seeded('trilateration');
  const server = await makeWorld();
  for (let round = 0; round < 5; round++) {
    const [lat, lng] = [TOWN[0] + 0.05 * random.normal(), TOWN[1] + 0.05 * random.normal()];
    const driverId = `d${round}`;
    await server.post('/v1/positions', { driverId, latitude: lat, longitude: lng }, write('red'));
    const headers = coarse('red');
    const ask = async (path: string): Promise<number | undefined> => {
      const { drivers } = await (await server.get(path, headers)).json();
      return drivers.find((driver: { driverId: string }) => driver.driverId === driverId)?.distance;
    };
    // From near and far, also from within the cell and across its edges.
    const measured: { at: [number, number]; metres: number }[] = [];
    for (let i = 0; i < 30; i++) {
      const at: [number, number] = [lat + 0.004 * random.normal(), lng + 0.006 * random.normal()];
      const metres = await ask(`/v1/drivers/nearby?latitude=${at[0]}&longitude=${at[1]}&radius=20000&limit=1000`);
      measured.push({ at, metres: metres as number });
    }
    const found = solve(measured, measured[0].at);
    const centre = cellToLatLng(latLngToCell(lat, lng, PRECISION));
    expect(trueDistance(found[0], found[1], centre[0], centre[1])).toBeLessThan(0.5);

    // By the smallest circle that holds it, which asks for no distance at all.
    const [east, north] = [lng + 0.01, lat + 0.002];
    let [low, high] = [0, 5_000];
    for (let i = 0; i < 24; i++) {
      const radius = (low + high) / 2;
      const { drivers } = await (
        await server.get(`/v1/drivers?latitude=${north}&longitude=${east}&radius=${radius}&limit=1000`, headers)
      ).json();
      if (drivers.some((driver: { driverId: string }) => driver.driverId === driverId)) high = radius;
      else low = radius;
    }
    expect(Math.abs(high - trueDistance(north, east, centre[0], centre[1]))).toBeLessThan(0.01);
  }
});

/** The place that is as far from some as was measured: Gauss and Newton, on the plane, degrees. */
function solve(
  measured: readonly { at: [number, number]; metres: number }[],
  from: [number, number],
): [number, number] {
  let [lat, lng] = from;
  for (let i = 0; i < 50; i++) {
    const sums = [0, 0, 0, 0, 0];
    const step = 1e-6;
    for (const { at, metres } of measured) {
      const here = trueDistance(at[0], at[1], lat, lng);
      const dy = (trueDistance(at[0], at[1], lat + step, lng) - here) / step;
      const dx = (trueDistance(at[0], at[1], lat, lng + step) - here) / step;
      const rest = metres - here;
      sums[0] += dy * dy;
      sums[1] += dy * dx;
      sums[2] += dx * dx;
      sums[3] += dy * rest;
      sums[4] += dx * rest;
    }
    const determinant = sums[0] * sums[2] - sums[1] ** 2;
    lat += (sums[2] * sums[3] - sums[1] * sums[4]) / determinant;
    lng += (sums[0] * sums[4] - sums[1] * sums[3]) / determinant;
  }
  return [lat, lng];
}
