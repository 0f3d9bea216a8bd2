import type { Position } from '../fix.ts';
import { overlap } from '../geo/overlap.ts';
import type { Sight } from '../sight.ts';
import { type Area, Around } from '../subscriptions/area.ts';
import { historyCell, historyCells } from './cells.ts';
import { MAX_CELLS, PastCover } from './past-cover.ts';
import type { ReplaySource, Span } from './replay-source.ts';
import { leeway, roughBounds } from './seen.ts';

/** Fixes read at a time. */
export const PAGE = 1_000;
/** Drivers read at a time of those that are there when it begins. */
const LATEST_PAGE = 5_000;
/** The least and the first milliseconds of the past that are looked at in one go. */
const MIN_WINDOW = 1_000;
const FIRST_WINDOW = 10_000;
/** Drivers about the area that are asked for by name; where more are, all of the fleet are asked for. */
const MAX_NAMED = 5_000;
/** How far back a followed driver is looked for at first, milliseconds. */
const LOOK_BACK = 60_000;

/** A part of the past of an area. Times are epoch milliseconds. */
export interface PastQuestion {
  /** Who asks is told of what it may see, as it is shown; what is read is more. */
  readonly sight: Sight;
  readonly area: Area;
  /** All until then is there at the beginning. */
  readonly from: number;
  readonly to: number;
  /** Milliseconds after its last fix for which a driver is there. */
  readonly ttl: number;
  /** Of those who are there already no more than about so many are read. */
  readonly maxDrivers: number;
  /** The most milliseconds that are read in one go. */
  readonly window: number;
}

/** A driver that is about the area. */
interface Near {
  readonly cell: string;
  readonly timestamp: number;
}

/**
 * Reads what must be known to tell, at every moment of a part of the past, who is inside an area: the fixes of drivers while
 * they are about it, and the one with which each has left. Of drivers elsewhere it may hand out fixes too, or not.
 *
 * It reads by the cells that cover the area. A driver that is in none of them is read as soon as it comes into one; one that
 * is in one is asked for by name, wherever it goes. Where the area goes around a driver, the way of that one is read before
 * all else, and the cells are those about its way; and as nothing is known of cells that are new, who was there already is
 * asked for.
 */
export class PastReader {
  readonly #source: ReplaySource;
  readonly #question: PastQuestion;
  /** The cells of the area; of one that goes along, those where it was lately. Absent: all. */
  #cells: ReadonlySet<string> | undefined;
  readonly #near = new Map<string, Near>();
  /** The last fix read of the driver that the area goes around. */
  #followed: Position | undefined;
  #window: number;
  #through: number;
  /** The last fix read, where others of its time may be left. */
  #after: { readonly timestamp: number; readonly driverId: string } | undefined;

  constructor(source: ReplaySource, question: PastQuestion) {
    this.#source = source;
    this.#question = question;
    this.#through = question.from;
    this.#window = Math.min(FIRST_WINDOW, question.window);
    const { sight, area } = question;
    if (area instanceof Around) this.#cells = new Set();
    else {
      const cells = historyCells(overlap(area, sight.bounds), MAX_CELLS, leeway(sight.precision));
      this.#cells = cells === undefined ? undefined : new Set(cells);
    }
  }

  /** All until this time is read, epoch milliseconds. */
  get through(): number {
    return this.#through;
  }

  get done(): boolean {
    return this.#through >= this.#question.to;
  }

  /**
   * Reads who is there at the beginning.
   *
   * @returns a fix of each, by timestamp
   * @throws {DomainError} `unavailable`; it cannot be gone on with then
   */
  async begin(): Promise<Position[]> {
    const { area, from } = this.#question;
    if (!(area instanceof Around)) return this.#present(this.#cells, from);
    this.#followed = await this.#lastOf(area.driverId, from);
    if (this.#followed === undefined) return [];
    const cover = this.#coverOf(area);
    this.#cells = cover.reach(this.#followed.lat, this.#followed.lng) ? cover.cells : undefined;
    const present = await this.#present(this.#cells, from);
    if (present.every(({ driverId }) => driverId !== area.driverId)) present.push(this.#followed);
    return present.sort(byTime);
  }

  /**
   * Reads on.
   *
   * @returns fixes in the order of their times, but for the first: those of drivers that were there already where the area
   * now comes to. It may be none
   * @throws {DomainError} as for {@link begin}
   */
  async next(): Promise<Position[]> {
    const { sight, area, to, ttl } = this.#question;
    const from = this.#after?.timestamp ?? this.#through + 1;
    let end = Math.min(from + this.#window, to);
    let arrived: Position[] = [];
    if (area instanceof Around && this.#cells !== undefined) {
      const way = await this.#wayOf(area, from, end);
      end = way.end;
      arrived = await this.#goTo(way.cells, from);
    }
    for (const [driverId, { timestamp }] of this.#near) if (timestamp < from - ttl) this.#near.delete(driverId);
    const isCrowded = this.#near.size > MAX_NAMED;
    const named = this.#cells === undefined || isCrowded ? [] : [...this.#near.keys()];
    if (area instanceof Around) named.push(area.driverId);
    const span: Span = {
      fleet: sight.fleet,
      from,
      to: end,
      ...(!isCrowded && this.#cells && { cells: [...this.#cells] }),
    };
    const fixes = await this.#source.fixes(span, named, PAGE, this.#after);
    for (const fix of fixes) this.#note(fix);
    this.#turnPage(fixes, from, end);
    return [...arrived, ...fixes];
  }

  /** Takes note of how far it has come, and looks at so much in the next go as gives about a page. */
  #turnPage(fixes: readonly Position[], from: number, end: number): void {
    const last = fixes[fixes.length - 1];
    if (fixes.length < PAGE) {
      this.#through = end;
      this.#after = undefined;
      if (fixes.length < PAGE / 2) this.#window = Math.min(2 * this.#window, this.#question.window);
    } else {
      this.#through = Math.max(this.#through, last.timestamp - 1);
      this.#after = { timestamp: last.timestamp, driverId: last.driverId };
      this.#window = Math.min(Math.max(last.timestamp - from, MIN_WINDOW), this.#question.window);
    }
  }

  /** Takes note of where a driver is. */
  #note(fix: Position): void {
    const { area } = this.#question;
    if (area instanceof Around && fix.driverId === area.driverId) this.#followed = fix;
    if (this.#cells === undefined) return;
    const cell = historyCell(fix.lat, fix.lng);
    if (this.#cells.has(cell)) this.#near.set(fix.driverId, { cell, timestamp: fix.timestamp });
    else this.#near.delete(fix.driverId);
  }

  /** Of each driver that was in one of the cells lately, where it is at a time; by timestamp. */
  async #present(cells: ReadonlySet<string> | undefined, at: number): Promise<Position[]> {
    const { sight, ttl } = this.#question;
    if (cells?.size === 0) return [];
    const span: Span = { fleet: sight.fleet, from: at - ttl, to: at, ...(cells && { cells: [...cells] }) };
    const present: Position[] = [];
    let after: string | undefined;
    for (;;) {
      const page = await this.#source.latest(span, LATEST_PAGE, after);
      for (const fix of page) {
        this.#note(fix);
        present.push(fix);
      }
      if (page.length < LATEST_PAGE || present.length > this.#question.maxDrivers) return present.sort(byTime);
      after = page[page.length - 1].driverId;
    }
  }

  /** The last fix of a driver until a time, if it was there then. */
  async #lastOf(driverId: string, at: number): Promise<Position | undefined> {
    const { ttl } = this.#question;
    const { fleet } = this.#question.sight;
    // Nearly always it is among the last ones, and there may be very many.
    let to = at;
    for (let back = LOOK_BACK; to >= at - ttl; back *= 2) {
      const from = Math.max(at - back, at - ttl);
      let last: Position | undefined;
      for (;;) {
        const page = await this.#source.fixes({ fleet, from, to, cells: [] }, [driverId], PAGE, last);
        last = page[page.length - 1] ?? last;
        if (page.length < PAGE) break;
      }
      if (last !== undefined) return last;
      to = from - 1;
    }
    return undefined;
  }

  /**
   * The cells that an area around a driver touches from one time to another, or to an earlier one where they would be too
   * many; `undefined` where even one place has too many.
   */
  async #wayOf(area: Around, from: number, to: number): Promise<{ cells?: Set<string>; end: number }> {
    const { fleet } = this.#question.sight;
    const { driverId } = area;
    const cover = this.#coverOf(area);
    const { cells } = cover;
    if (this.#followed !== undefined && !cover.reach(this.#followed.lat, this.#followed.lng)) return { end: to };
    let after = this.#after;
    for (;;) {
      const page = await this.#source.fixes({ fleet, from, to, cells: [] }, [driverId], PAGE, after);
      for (const fix of page) {
        if (cover.reach(fix.lat, fix.lng)) continue;
        return fix.timestamp > from ? { cells, end: fix.timestamp - 1 } : { end: to };
      }
      if (page.length < PAGE) return { cells, end: to };
      after = page[page.length - 1];
    }
  }

  /** For the cells in which whoever is shown in an area around a driver may be: it and they are shown elsewhere. */
  #coverOf({ radius }: Around): PastCover {
    const { sight } = this.#question;
    return new PastCover(radius + 2 * leeway(sight.precision), roughBounds(sight));
  }

  /** Looks at other cells from now on. @returns who is in those that are new */
  async #goTo(cells: ReadonlySet<string> | undefined, at: number): Promise<Position[]> {
    const before = this.#cells;
    this.#cells = cells;
    if (cells === undefined) {
      this.#near.clear();
      return this.#present(undefined, at);
    }
    for (const [driverId, { cell }] of this.#near) if (!cells.has(cell)) this.#near.delete(driverId);
    return this.#present(new Set([...cells].filter((cell) => !before?.has(cell))), at);
  }
}

function byTime(a: Position, b: Position): number {
  return a.timestamp - b.timestamp;
}
