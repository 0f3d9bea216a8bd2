import { setTimeout as delay } from 'node:timers/promises';
import { mintToken } from '../../src/auth/tokens.ts';
import { type ServerProcess, startServer } from '../../src/sim/server-process.ts';
import type { Random } from '../support/random.ts';
import { judgeAnswer, judgeTables, judgeTrack, lineOf, type Told } from './judge.ts';
import { Ledger } from './ledger.ts';
import { FLEETS, Load } from './load.ts';
import type { Place } from './places.ts';
import { readTables } from './tables.ts';

/** How something is killed. */
export type Kind =
  /** The server, at a random moment of the load. */
  | 'server'
  /** The server, the moment an acknowledgement came. */
  | 'after an ack'
  /** The server, and the next one while it starts. */
  | 'start'
  /** The database alone. */
  | 'database'
  /** Server and database, at once or one after the other. */
  | 'both'
  /** The server, while its database hangs. */
  | 'hanging';

/** What a kill brought. */
export interface Round {
  readonly kind: Kind;
  readonly answered: number;
  readonly open: number;
  /** Rows of `fixes` afterwards. */
  readonly rows: number;
  /** Milliseconds of the start. */
  readonly start: number;
  /** What was lost, invented or changed. */
  readonly faults: readonly string[];
}

const SECRET = 'a secret of at least thirty-two bytes';
/** Milliseconds: the load before something is killed, at the most, and what may lie between two things that are. */
const LOADED = 800;
const APART = 300;
/** Answers before a kill that is to come right after one, at the most. */
const ANSWERS = 200;
/** Milliseconds in which everything must be answered when the database is back. */
const PATIENCE = 30_000;
const DAY = '86400';
/** Drivers whose tracks are read after each kill. */
const TRACKS = 3;

/** A page of a track, as far as it is looked at. */
interface TrackPage {
  readonly geometry: { readonly type: string; readonly coordinates: unknown } | null;
  readonly properties: {
    readonly timestamps: readonly number[];
    readonly receivedAt: readonly number[];
    readonly next?: string;
  };
}

/** Servers on one database, killed and started again under a load; all that was acknowledged must be there each time. */
export class CrashRun {
  readonly #place: Place;
  readonly #random: Random;
  readonly #ledger = new Ledger();
  readonly #load: Load;
  readonly #known = new Set<string>();
  #server: ServerProcess | undefined;
  #url = '';
  #startTime = 1_000;

  constructor(place: Place, random: Random) {
    this.#place = place;
    this.#random = random;
    this.#load = new Load(this.#ledger, random, SECRET);
  }

  /** Starts the first server; before it some that are killed while they set up the database. */
  async begin(killed: number): Promise<void> {
    for (let i = 0; i < killed; i++) await this.#killStart();
    await this.#start();
  }

  /** Kills something under the load, and says what came of it. */
  async kill(kind: Kind): Promise<Round> {
    await this.#load.begin(this.#url);
    if (kind === 'after an ack') await this.#killAfterAnswer();
    else {
      await new Promise<void>((resolve) => this.#load.afterAnswers(1, resolve));
      await delay(this.#random.below(LOADED));
      await this.#kill(kind);
    }
    if (kind === 'database') await this.#settle();
    else {
      await this.#load.stop();
      await this.#start();
    }
    const counts = this.#ledger.counts();
    return { kind, ...counts, start: this.#startTime, ...(await this.look()) };
  }

  /** Compares the tables with the ledger, and the API with the tables; what was wrong before is not said again. */
  async look(): Promise<Pick<Round, 'rows' | 'faults'>> {
    const tables = await readTables(this.#place.connection(this.#running.pid));
    const faults = judgeTables(this.#ledger, tables);
    const rows = new Map(tables.positions.map((row) => [`${row.fleet}\n${row.driverId}`, row]));
    for (const driver of this.#ledger.drivers) {
      const { fleet, driverId } = driver;
      const row = rows.get(`${fleet}\n${driverId}`);
      const fault = judgeAnswer(`${driverId} of ${fleet}`, row, await this.#tell(fleet, driverId));
      if (fault !== undefined) faults.push(fault);
      driver.found(row?.timestamp);
    }
    const drivers = [...this.#ledger.drivers];
    for (let i = 0; i < TRACKS; i++) {
      const { fleet, driverId } = this.#random.pick(drivers);
      const own = tables.fixes.filter((row) => row.fleet === fleet && row.driverId === driverId);
      const fault = judgeTrack(`${driverId} of ${fleet}`, own, await this.#track(fleet, driverId));
      if (fault !== undefined) faults.push(fault);
    }
    const news = faults.filter((fault) => !this.#known.has(fault));
    for (const fault of news) this.#known.add(fault);
    return { rows: tables.fixes.length, faults: news };
  }

  async end(): Promise<void> {
    await this.#server?.stop();
    this.#place.remove();
  }

  async #kill(kind: Exclude<Kind, 'after an ack'>): Promise<void> {
    const server = this.#running;
    const killDatabase = this.#place.databaseKiller(server.pid);
    switch (kind) {
      case 'server':
        return this.#killServer();
      case 'start':
        await this.#killServer();
        return this.#killStart();
      case 'database':
        await killDatabase();
        await delay(this.#random.below(APART));
        return this.#place.reviveDatabase();
      case 'both': {
        const apart = this.#random.pick([0, this.#random.below(APART)]);
        const first = this.#killServer();
        if (apart > 0) await delay(apart);
        await killDatabase();
        await first;
        return this.#place.reviveDatabase();
      }
      case 'hanging':
        this.#place.freeze?.();
        await delay(this.#random.below(APART));
        await this.#killServer();
        this.#place.thaw?.();
    }
  }

  async #killServer(): Promise<void> {
    const { pid, ended } = this.#running;
    process.kill(pid, 'SIGKILL');
    await ended;
  }

  async #killAfterAnswer(): Promise<void> {
    const { pid, ended } = this.#running;
    this.#load.afterAnswers(1 + this.#random.below(ANSWERS), () => process.kill(pid, 'SIGKILL'));
    await ended;
  }

  /** Starts a server, and kills it before it serves, or hardly later. */
  async #killStart(): Promise<void> {
    this.#launch();
    await delay(this.#random.below(this.#startTime));
    await this.#killServer();
  }

  async #start(): Promise<void> {
    const startedAt = performance.now();
    this.#launch();
    this.#url = await this.#running.ready;
    this.#startTime = performance.now() - startedAt;
  }

  #launch(): void {
    const { PATH, TMPDIR } = process.env;
    this.#server = startServer(
      {
        PATH,
        TMPDIR,
        PORT: '0',
        JWT_SECRET: SECRET,
        LOG_LEVEL: 'fatal',
        // Nobody goes stale meanwhile.
        DRIVER_TTL_SECONDS: DAY,
        // However busy the machine is, nobody is sent away.
        MAX_LAG_MILLISECONDS: '0',
        ...this.#place.env,
      },
      () => {},
    );
  }

  get #running(): ServerProcess {
    if (this.#server === undefined) throw new Error('no server runs');
    return this.#server;
  }

  /** Lets the load go on for a while with a database that is back, and has all of it answered. */
  async #settle(): Promise<void> {
    await delay(this.#random.below(LOADED));
    const late = delay(PATIENCE, 'late', { ref: false });
    if ((await Promise.race([this.#load.stop(), late])) === 'late') {
      throw new Error(`not everything was answered within ${PATIENCE / 1000} s after the database was back`);
    }
  }

  async #tell(fleet: string, driverId: string): Promise<Told> {
    return this.#get(`/v1/drivers/${driverId}`, fleet);
  }

  /** The track of a driver, from one page to the next. */
  async #track(fleet: string, driverId: string): Promise<string[]> {
    const lines: string[] = [];
    for (let path: string | undefined = `/v1/drivers/${driverId}/track?limit=1000`; path !== undefined; ) {
      const page = (await this.#get(path, fleet)) as TrackPage | undefined;
      if (page === undefined) return lines;
      const { type, coordinates } = page.geometry ?? { type: 'LineString', coordinates: [] };
      const places = (type === 'Point' ? [coordinates] : coordinates) as number[][];
      for (const [i, timestamp] of page.properties.timestamps.entries()) {
        const [lng, lat] = places[i];
        lines.push(lineOf({ timestamp, lat, lng, receivedAt: page.properties.receivedAt[i] }));
      }
      path = page.properties.next;
    }
    return lines;
  }

  async #get(path: string, fleet: string): Promise<Told> {
    const answer = await fetch(`${this.#url}${path}`, { headers: { authorization: `Bearer ${this.#token(fleet)}` } });
    const told = (await answer.json()) as Told;
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) throw new Error(`the API answers ${answer.status}: ${JSON.stringify(told)}`);
    return told;
  }

  readonly #tokens = new Map(
    FLEETS.map((fleet) => [
      fleet as string,
      mintToken(SECRET, { sub: 'judge', scope: 'positions:read', fleet, ttlSeconds: Number(DAY) }),
    ]),
  );

  #token(fleet: string): string | undefined {
    return this.#tokens.get(fleet);
  }
}
