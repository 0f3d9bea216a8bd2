import { type Case, caseOf } from './case.ts';
import { type PeerReport, Peers } from './peers.ts';
import { Performer } from './performer.ts';
import { FuzzedServer } from './server.ts';
import { shrink } from './shrink.ts';
import { tokenOf } from './tokens.ts';

/** Something that should not have been. */
export interface Finding {
  readonly fault: string;
  /** The number of the case, where one is known. */
  readonly number?: number;
  /** What does it again, made as small as it was in reach; absent: it did not happen again. */
  readonly cases?: readonly Case[];
}

/** What a server had in use, MB. */
export interface Memory {
  readonly rss: number;
  readonly heap: number;
}

/** What a fuzz came to. */
export interface Report {
  /** How many cases had a result, by kind and result. */
  readonly results: ReadonlyMap<string, ReadonlyMap<string, number>>;
  readonly seconds: number;
  readonly peers: PeerReport;
  /** All through, in equal steps of cases. */
  readonly memory: readonly Memory[];
  readonly findings: readonly Finding[];
}

/** What a fuzz is to do. */
export interface Plan {
  readonly seed: number;
  /** The first case, and how many. */
  readonly from: number;
  readonly count: number;
  /** Settings that say where the server keeps its data. */
  readonly database: Readonly<Record<string, string>>;
  /** Limits are so low that they are met. */
  readonly limits: boolean;
  /** Milliseconds that well-behaved peers may wait for anything. */
  readonly maxDelay: number;
  readonly onProgress?: (done: number) => void;
}

/** Cases that are under way at a time. */
const WIDTH = 24;
/** Cases of one performer that came before a fault, and may have to do with it. */
const HISTORY = 40;
/** Findings after which a fuzz is over. */
const ENOUGH = 10;
/** Times that memory is looked at. */
const LOOKS = 40;
/** MB by which the lowest heap at the end may be above the lowest of the middle, and the RSS at the end above the half. */
const MAX_GROWTH = 60;
const MAX_RSS_GROWTH = 200;
/** Milliseconds after which no connection of the fuzz is left: that of a handshake without a token lasts ten seconds. */
const LEFT = 20_000;
const MB = 1024 * 1024;

/** Fuzzes a server of its own. */
export async function campaign(plan: Plan): Promise<Report> {
  const fuzz = new Campaign(plan);
  return fuzz.run();
}

class Campaign {
  readonly #plan: Plan;
  readonly #results = new Map<string, Map<string, number>>();
  readonly #findings: Finding[] = [];
  readonly #known = new Set<string>();
  readonly #memory: Memory[] = [];
  #next: number;
  #done = 0;
  #crashed = false;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#next = plan.from;
  }

  async run(): Promise<Report> {
    const { database, limits, count } = this.#plan;
    const startedAt = performance.now();
    const server = await FuzzedServer.start(database, limits);
    const peers = new Peers(server.port, tokenOf('peer'));
    const failed: { history: readonly Case[]; number: number; fault: string }[] = [];
    let isOver = false;
    void server.ended.then((code) => {
      if (isOver) return;
      this.#crashed = true;
      this.#find({ fault: `the server ended with ${code}: ${server.complaints.slice(-5).join('\n')}` });
    });
    await Promise.all(
      Array.from({ length: Math.min(WIDTH, count) }, async () => {
        const performer = new Performer(server.port);
        let history: Case[] = [];
        for (let number = this.#take(); number !== undefined; number = this.#take()) {
          const one = caseOf(this.#plan.seed, number);
          history = [...history.slice(1 - HISTORY), one];
          const { result, fault } = await performer.perform(one);
          // What was under way when it crashed may be why.
          const wrong = this.#crashed ? 'the server crashed' : fault;
          const alike = failed.filter((one) => wrong !== undefined && shape(one.fault) === shape(wrong)).length;
          if (wrong !== undefined && (this.#crashed || alike === 0)) failed.push({ history, number, fault: wrong });
          await this.#count(one.kind, result, server);
          if (failed.length >= ENOUGH) break;
        }
        performer.end();
      }),
    );
    const seconds = (performance.now() - startedAt) / 1000;
    const told = this.#crashed ? NOTHING : await peers.end();
    if (!this.#crashed) await this.#judgeRemains(server);
    isOver = true;
    const code = this.#crashed ? 0 : await server.stop();
    if (code !== 0) this.#find({ fault: `the server, asked to end, ended with ${code}` });
    for (const line of server.complaints) this.#find({ fault: `the server logged ${line}` });
    for (const fault of told.faults) this.#find({ fault });
    const worst = Math.max(told.worstAck, told.worstTold);
    if (worst > this.#plan.maxDelay) this.#find({ fault: `a well-behaved peer waited ${Math.round(worst)} ms` });
    this.#judgeMemory();
    for (const { history, number, fault } of failed) await this.#explain(history, number, fault);
    return { results: this.#results, seconds, peers: told, memory: this.#memory, findings: this.#findings };
  }

  #take(): number | undefined {
    if (this.#crashed || this.#next >= this.#plan.from + this.#plan.count) return undefined;
    return this.#next++;
  }

  async #count(kind: string, result: string, server: FuzzedServer): Promise<void> {
    const own = this.#results.get(kind) ?? new Map<string, number>();
    this.#results.set(kind, own.set(result, (own.get(result) ?? 0) + 1));
    const { count, onProgress } = this.#plan;
    this.#done++;
    onProgress?.(this.#done);
    const step = Math.ceil(count / LOOKS);
    // Not of the start, when everything is loaded and nothing is known yet.
    if (this.#done % step === 0 && !this.#crashed) await this.#look(server);
  }

  async #look(server: FuzzedServer): Promise<void> {
    const values = await server.metrics().catch(() => undefined);
    if (values === undefined) return;
    const mb = (name: string) => Math.round((values.get(name) ?? 0) / MB);
    this.#memory.push({ rss: mb('process_resident_memory_bytes'), heap: mb('nodejs_heap_size_used_bytes') });
  }

  /** Nothing of a fuzz may be left when all its connections are gone. */
  async #judgeRemains(server: FuzzedServer): Promise<void> {
    const deadline = performance.now() + LEFT;
    for (;;) {
      const open = [...(await server.metrics())].filter(
        ([name, value]) => /^nearcast_(connections|subscriptions)(\{|$)/.test(name) && value > 0,
      );
      if (open.length === 0) return;
      if (performance.now() > deadline) {
        this.#find({ fault: `left behind: ${open.map(([name, value]) => `${name} ${value}`).join(', ')}` });
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  #judgeMemory(): void {
    const { length } = this.#memory;
    if (length < LOOKS / 2) return;
    const third = Math.floor(length / 3);
    // The lowest of many is what is left after a collection.
    const lowest = (part: readonly Memory[]) => Math.min(...part.map(({ heap }) => heap));
    const growth = lowest(this.#memory.slice(-third)) - lowest(this.#memory.slice(third, -third));
    if (growth > MAX_GROWTH) this.#find({ fault: `the heap grew by ${growth} MB in the last third` });
    const rss = (at: number) => this.#memory[at].rss;
    const rssGrowth = rss(length - 1) - rss(length >> 1);
    if (rssGrowth > MAX_RSS_GROWTH) this.#find({ fault: `the RSS grew by ${rssGrowth} MB in the second half` });
  }

  /** Finds the least that does it again, on a server that knows nothing of what was before. */
  async #explain(history: readonly Case[], number: number, fault: string): Promise<void> {
    if (this.#known.has(shape(fault))) return;
    const { database, limits } = this.#plan;
    let server = await FuzzedServer.start(database, limits);
    const fails = async (cases: readonly Case[]): Promise<boolean> => {
      const performer = new Performer(server.port);
      let faulty: string | undefined;
      for (const one of cases) faulty = (await performer.perform(one)).fault;
      performer.end();
      const crashed = await server.metrics().then(
        () => false,
        () => true,
      );
      if (!crashed) return faulty !== undefined && shape(faulty) === shape(fault);
      await server.stop();
      server = await FuzzedServer.start(database, limits);
      return true;
    };
    this.#find({ fault, number, cases: await shrink(history, fails) });
    await server.stop();
  }

  #find(finding: Finding): void {
    const key = shape(finding.fault);
    if (this.#known.has(key)) return;
    this.#known.add(key);
    this.#findings.push(finding);
  }
}

const NOTHING: PeerReport = { sent: 0, told: 0, worstAck: 0, worstTold: 0, faults: [] };

/** What two faults of one cause have in common: their words without what was sent. */
function shape(fault: string): string {
  return fault.replace(/[\d"{[].*/s, '').slice(0, 80) + (/^.*?\b(4\d\d|5\d\d)\b/.exec(fault)?.[1] ?? '');
}
