import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { Connection } from './crash/connection.ts';
import { judgeTables } from './crash/judge.ts';
import { type DriverLedger, type Entry, Ledger } from './crash/ledger.ts';
import { Load } from './crash/load.ts';
import { readTables } from './crash/tables.ts';
import { Client } from './support/client.ts';
import { createDatabase, findPostgres, startPostgres, type TestPostgres } from './support/postgres.ts';
import { ServerProcess } from './support/process.ts';
import { seeded } from './support/random.ts';
import { SECRET, token } from './support/server.ts';
import { describeWith } from './support/services.ts';
import { slowTest } from './support/slow.ts';

/** Seconds without a database; CI has it last as long as operators meet it. */
const OUTAGE = Number(process.env.OUTAGE_SECONDS ?? 2);
/** Milliseconds in which whoever watches or asks hears of a fix, on a busy machine, with a database or without. */
const SOON = 2_000;
/** Looks from one end to the other before the outage. */
const LOOKS = 20;
const FLEET = 'probe';

const headers = { authorization: `Bearer ${token({ fleet: FLEET })}` };

function settings(DATABASE_URL: string): Record<string, string> {
  // However busy the machine is, nobody goes stale, and nobody is sent away.
  const patient = { DRIVER_TTL_SECONDS: '86400', MAX_LAG_MILLISECONDS: '0' };
  return { DATABASE_URL, JWT_SECRET: SECRET, LOG_LEVEL: 'fatal', ...patient };
}

async function own(bin: string): Promise<{ postgres: TestPostgres; url: string }> {
  const postgres = await startPostgres(bin);
  onTestFinished(() => {
    postgres.thaw();
    return postgres.stop();
  });
  return { postgres, url: await createDatabase(postgres, 'outage') };
}

const readiness = async (url: string) => (await fetch(`${url}/readyz`)).status;

/** Sends fixes of one driver and sees to it that watchers and those who ask hear of each. */
class Probe {
  readonly #url: string;
  readonly #driver: DriverLedger;
  readonly #sender: Client;
  readonly #watcher: Client;
  readonly #entries: Entry[] = [];

  static async open(url: string, ledger: Ledger): Promise<Probe> {
    const connect = () => Client.open(`${url.replace('http', 'ws')}/ws`, undefined, headers);
    const [sender, watcher] = await Promise.all([connect(), connect()]);
    await watcher.ask({ type: 'subscribe', subscription: 'all' }, 'snapshot');
    return new Probe(url, ledger.driver(FLEET, 'probe'), sender, watcher);
  }

  private constructor(url: string, driver: DriverLedger, sender: Client, watcher: Client) {
    this.#url = url;
    this.#driver = driver;
    this.#sender = sender;
    this.#watcher = watcher;
  }

  /** Milliseconds until a new fix was pushed, and until it was found. */
  async look(): Promise<[push: number, find: number]> {
    const fix = {
      driverId: 'probe',
      latitude: 1,
      longitude: 2,
      timestamp: this.#timestamp(),
      speed: this.#entries.length,
    };
    this.#entries.push(this.#driver.send(fix));
    const from = performance.now();
    this.#sender.send({ ...fix, id: this.#entries.length });
    const { enter, move } = await this.#watcher.next('changes');
    expect((enter ?? move)[0]).toMatchObject(fix);
    const pushed = performance.now();
    const answer = await fetch(`${this.#url}/v1/drivers/nearby?latitude=1&longitude=2&radius=10`, { headers });
    expect(await answer.json()).toMatchObject({ drivers: [fix] });
    return [pushed - from, performance.now() - pushed];
  }

  async looks(n: number): Promise<number> {
    let longest = 0;
    for (let i = 0; i < n; i++) longest = Math.max(longest, ...(await this.look()));
    return longest;
  }

  /** Resolves when each fix is acknowledged, in order. */
  async settled(): Promise<void> {
    for (const [i, entry] of this.#entries.entries()) {
      expect(await this.#sender.next()).toEqual({ type: 'ack', id: i + 1, verdict: 'accepted' });
      this.#driver.settle(entry, 'accepted');
    }
  }

  #timestamp(): number {
    let timestamp = Date.now();
    while (this.#driver.sent.has(timestamp)) timestamp++;
    return timestamp;
  }
}

describeWith('PostgreSQL with PostGIS', findPostgres(), 'while PostgreSQL', (bin) => {
  const timeout = 60_000 + OUTAGE * 3_000;

  /** Has the database away for a while under load, and `meanwhile` happen. */
  async function outlast(
    databaseUrl: string,
    [away, back]: readonly [() => unknown, () => unknown],
    meanwhile: () => Promise<void> = async () => {},
  ): Promise<void> {
    const url = await new ServerProcess(settings(databaseUrl)).ready;
    const ledger = new Ledger();
    const load = new Load(ledger, seeded('outage'), SECRET, Number.POSITIVE_INFINITY);
    await load.begin(url);
    const probe = await Probe.open(url, ledger);
    expect(await probe.looks(LOOKS)).toBeLessThan(SOON);
    expect(await readiness(url)).toBe(200);

    await away();
    await expect.poll(() => readiness(url), { timeout: 10_000 }).toBe(503);
    const { answers } = load;
    expect(answers).toBeGreaterThan(0);
    const over = Promise.all([delay(OUTAGE * 1000), meanwhile()]).then(() => true);
    while (!(await Promise.race([over, delay(20)]))) expect(Math.max(...(await probe.look()))).toBeLessThan(SOON);
    expect(load.answers).toBe(answers);
    expect(await readiness(url)).toBe(503);

    await back();
    await expect.poll(() => readiness(url), { timeout: 20_000 }).toBe(200);
    await load.stop();
    await probe.settled();
    expect(load.answers).toBeGreaterThan(answers);
    expect(ledger.counts().open).toBe(0);
    expect(judgeTables(ledger, await readTables({ connectionString: databaseUrl }))).toEqual([]);
  }

  slowTest(
    'is stopped, queries and pushes go on, nothing is acknowledged, and on its return everything is stored',
    {
      timeout,
    },
    async () => {
      const { postgres, url } = await own(bin);
      await outlast(url, [() => postgres.crash(), () => postgres.restart()]);
    },
  );

  slowTest(
    'hangs, the same holds; a start says so and fails, and a server that is stopped ends in time',
    {
      timeout,
    },
    async () => {
      const { postgres, url } = await own(bin);
      const hang = [() => postgres.freeze(), () => postgres.thaw()] as const;
      // Both take most of the ten seconds that they may.
      if (OUTAGE < 10) return outlast(url, hang);
      const other = new ServerProcess(settings(await createDatabase(postgres, 'other')));
      const socket = await Client.open(`${(await other.ready).replace('http', 'ws')}/ws`, undefined, headers);
      await outlast(url, hang, async () => {
        const start = new ServerProcess(settings(url));
        socket.send({ driverId: 'a', latitude: 1, longitude: 2, id: 1 });
        await socket.settled();
        const from = performance.now();
        expect(await other.kill('SIGTERM')).toBe(0);
        expect(performance.now() - from).toBeLessThan(10_000);
        expect(socket.heard.filter(({ type }) => type === 'ack')).toEqual([]);
        expect(await start.ended).toBe(1);
        expect(start.stderr).toMatch(/^The database of DATABASE_URL cannot be used: .+\n$/);
      });
    },
  );

  test('is stopped and MAX_PENDING_FIXES wait, new ones are refused, and exactly the others are stored in the end', async () => {
    const { postgres, url: databaseUrl } = await own(bin);
    const bound = 1_000;
    const more = 200;
    const server = new ServerProcess({ ...settings(databaseUrl), MAX_PENDING_FIXES: String(bound) });
    const url = await server.ready;
    const ledger = new Ledger();
    const connection = await Connection.open(url, token({ fleet: FLEET }));
    onTestFinished(() => connection.close());
    await postgres.crash();

    let refused = 0;
    const timestamp = Date.now();
    const answered = Array.from({ length: bound + more }, async (_, i) => {
      const driver = ledger.driver(FLEET, `driver ${i % 100}`);
      const fix = { driverId: driver.driverId, latitude: 1, longitude: 2, timestamp: timestamp + i };
      const entry = driver.send(fix);
      const answer = await connection.ask(fix);
      if (answer?.type === 'ack') {
        expect(answer.verdict).toBe('accepted');
        driver.settle(entry, 'accepted');
      } else {
        expect(answer).toMatchObject({ type: 'error', code: 'unavailable' });
        driver.refuse(entry);
        refused++;
      }
    });
    await expect.poll(() => refused).toBe(more);
    const post = await fetch(`${url}/v1/positions`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ driverId: 'x', latitude: 1, longitude: 2 }),
    });
    const departure = await fetch(`${url}/v1/drivers/driver 1`, { method: 'DELETE', headers });
    for (const answer of [post, departure]) {
      expect(answer.status).toBe(503);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(await answer.json()).toMatchObject({ code: 'unavailable' });
    }
    const nearby = await fetch(`${url}/v1/drivers/nearby?latitude=1&longitude=2&limit=1000`, { headers });
    expect(((await nearby.json()) as { drivers: unknown[] }).drivers.length).toBe(100);
    expect(await readiness(url)).toBe(503);

    await postgres.restart();
    await Promise.all(answered);
    expect(refused).toBe(more);
    expect(judgeTables(ledger, await readTables({ connectionString: databaseUrl }))).toEqual([]);
    await expect.poll(() => readiness(url), { timeout: 10_000 }).toBe(200);
  });
});
