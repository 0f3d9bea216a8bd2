import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import geographiclib from 'geographiclib-geodesic';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { Circle } from '../src/geo/circle.ts';
import { toEcef } from '../src/geo/ecef.ts';
import { Client } from './support/client.ts';
import { makeDay, replay } from './support/day.ts';
import { createDatabase, findPostgres, startPostgres } from './support/postgres.ts';
import { ServerProcess } from './support/process.ts';
import { seeded } from './support/random.ts';
import { SECRET, token } from './support/server.ts';
import { describeWith } from './support/services.ts';

// A day of vehicles through `replay`, the public WebSocket, the index and the store, judged by PostGIS. By default the
// day is made up; TRACE=FILE.ndjson takes a real one, TRACE_SPEED its speed.

const wgs84 = geographiclib.Geodesic.WGS84;

describeWith('PostgreSQL with PostGIS', findPostgres(), 'a day of vehicles', (bin) => {
  test('every line gets a verdict; then queries agree with PostGIS and watchers with brute force', {
    timeout: 1_200_000,
  }, async () => {
    const random = seeded('day');
    const dir = mkdtempSync(join(tmpdir(), 'nearcast-day-'));
    onTestFinished(() => rmSync(dir, { recursive: true }));
    let file = process.env.TRACE;
    if (file === undefined) {
      file = join(dir, 'day.ndjson');
      writeFileSync(file, makeDay(random));
    }
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n').length;
    const postgres = await startPostgres(bin);
    onTestFinished(() => postgres.stop());
    const DATABASE_URL = await createDatabase(postgres, 'day');
    const server = new ServerProcess({ DATABASE_URL, JWT_SECRET: SECRET });
    const url = await server.ready;

    const circles = [
      { lat: 30.27, lng: -97.74, radius: 2_000 },
      { lat: 30.29, lng: -97.7, radius: 5_000 },
      { lat: 30.2, lng: -97.8, radius: 30_000 },
    ];
    const watchers = await Promise.all(
      circles.map(async ({ lat, lng, radius }) => {
        const path = `/ws?latitude=${lat}&longitude=${lng}&radius=${radius}&access_token=${token()}`;
        const watcher = await Client.open(`${url.replace('http', 'ws')}${path}`);
        await watcher.next('snapshot');
        return watcher;
      }),
    );

    const socket = `${url.replace('http', 'ws')}/ws`;
    const speed = process.env.TRACE_SPEED ?? '1200';
    const { code, output } = await replay(file, '--speed', speed, '--url', socket, '--token', token());
    console.log(output);
    expect(code, output).toBe(0);
    const count = (name: string) =>
      Number(new RegExp(`${name}\\s+([\\d,]+)`).exec(output)?.[1].replaceAll(',', '') ?? 0);
    expect(count('accepted') + count('duplicate') + count('late') + count('refused') + count('unreadable')).toBe(lines);

    const db = new pg.Client({ connectionString: DATABASE_URL });
    await db.connect();
    onTestFinished(() => db.end());
    const { rows: stored } = await db.query(
      'SELECT driver_id AS id, ST_Y(location::geometry) AS lat, ST_X(location::geometry) AS lng FROM positions',
    );
    expect(stored.length).toBeGreaterThan(50);

    // Nearby over HTTP, against PostGIS on the stored rows: same drivers, same order, same distances.
    const ecef = new Float64Array(3);
    let compared = 0;
    let worst = 0;
    for (let i = 0; i < 200; i++) {
      const [lat, lng] = [30.27 + 0.06 * random.normal(), -97.74 + 0.06 * random.normal()];
      const radius = random.pick([300, 1_000, 3_000, 10_000, 50_000]);
      const limit = random.pick([1, 10, 1_000]);
      const { rows } = await db.query(
        `SELECT driver_id AS id, ST_Distance(location, point) AS distance, ST_Y(location::geometry) AS lat, ST_X(location::geometry) AS lng
         FROM positions, (SELECT ST_Point($1, $2)::geography AS point) AS asked
         WHERE ST_DWithin(location, point, $3) ORDER BY distance, driver_id LIMIT $4`,
        [lng, lat, radius, limit],
      );
      const query = `latitude=${lat}&longitude=${lng}&radius=${radius}&limit=${limit}`;
      const answer = await fetch(`${url}/v1/drivers/nearby?${query}`, {
        headers: { authorization: `Bearer ${token()}` },
      });
      const { drivers } = (await answer.json()) as { drivers: { driverId: string; distance: number }[] };
      expect(drivers.map(({ driverId }) => driverId)).toEqual(rows.map(({ id }) => id));
      const circle = new Circle(lat, lng, radius);
      for (const [k, row] of rows.entries()) {
        // What is sent is rounded to a decimal; what it is rounded from agrees to the millimetre.
        toEcef(row.lat, row.lng, ecef, 0);
        const exact = circle.distanceTo(ecef[0], ecef[1], ecef[2], row.lat, row.lng);
        worst = Math.max(worst, Math.abs(exact - row.distance));
        expect(drivers[k].distance).toBe(Math.round(exact * 10) / 10);
      }
      compared += rows.length;
    }
    console.log(`compared ${compared} distances with PostGIS; the worst was ${worst} m off`);
    expect(compared).toBeGreaterThan(1_000);
    expect(worst).toBeLessThan(0.001);

    for (const [i, { lat, lng, radius }] of circles.entries()) {
      const watcher = watchers[i];
      await watcher.settled();
      const expected = stored.filter((row) => (wgs84.Inverse(lat, lng, row.lat, row.lng).s12 as number) <= radius);
      console.log(`watcher ${i}: ${watcher.inside().length} inside`);
      expect(watcher.inside()).toEqual(expected.map(({ id }) => id).sort());
      expect(watcher.contradictions).toEqual([]);
    }
    expect(await server.kill('SIGTERM')).toBe(0);
    expect(server.stderr).toBe('');
  });
});
