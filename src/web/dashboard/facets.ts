import { type ReadonlySignal, signal } from '@preact/signals';
import type { Attributes, Position, Where } from '../../client/index.ts';
import { PALETTE } from '../map/palette.ts';

/** A value that an attribute has, and how many of those who are shown have it. */
export interface FacetValue {
  readonly value: string;
  readonly count: number;
}

/** An attribute, with the values that it has been seen to have. */
export interface Facet {
  readonly name: string;
  readonly values: readonly FacetValue[];
}

/** So many attributes, and values of each, are offered: those that most drivers have. */
const MAX_NAMES = 16;
const MAX_VALUES = 12;
/** Of an attribute with more values than that some are offered if so many drivers share one: what differs for everybody is no filter. */
const SHARED = 2;
/** A value that nobody has any more is offered for so long, milliseconds. */
const MEMORY = 60_000;
/** Values of an attribute that are remembered at the most. */
const MAX_REMEMBERED = 64;

/** Indices in the palette of values that say themselves what colour they are: green goes, orange does not. */
const MEANT: ReadonlyMap<string, number> = new Map([
  ['available', 2],
  ['free', 2],
  ['pickup', 4],
  ['busy', 1],
]);

/** The attribute by which drivers are coloured where they have it. */
const PREFERRED = 'status';

/** What attributes the drivers have, from which filters and colours are made. */
export class Facets {
  readonly facets: ReadonlySignal<readonly Facet[]>;
  /** The attribute whose values are told apart by colour. */
  readonly colouredBy: ReadonlySignal<string | undefined>;
  readonly #facets = signal<readonly Facet[]>([]);
  readonly #colouredBy = signal<string | undefined>(undefined);
  #chosen: string | undefined;
  /** By name and value, in the order in which they were first seen: when anybody had it last, milliseconds. */
  readonly #seen = new Map<string, Map<string, number>>();
  /** Of each value of the attribute that colours. */
  #indices: ReadonlyMap<string, number> = new Map();

  constructor() {
    this.facets = this.#facets;
    this.colouredBy = this.#colouredBy;
  }

  /**
   * Counts anew.
   *
   * @param now milliseconds of a clock that is never set
   * @returns whether drivers may have other colours now
   */
  count(drivers: Iterable<Position>, where: Where, now = performance.now()): boolean {
    const counts = countsOf(drivers);
    // Whom a filter or counts by cell hide may have what nobody has.
    this.#remember(counts, counts.size === 0 || Object.keys(where).length > 0, now);
    const names = [...new Set([...this.#seen.keys(), ...Object.keys(where)])];
    const has = (name: string) => sum(counts.get(name)?.values() ?? []);
    const most = new Set(names.toSorted((a, b) => has(b) - has(a)).slice(0, MAX_NAMES));
    this.#facets.value = names.flatMap((name) => {
      if (!most.has(name) && !Object.hasOwn(where, name)) return [];
      const values = this.#offered(name, counts.get(name) ?? new Map(), chosenOf(where, name));
      return values.length === 0 ? [] : [{ name, values }];
    });
    return this.#chooseColour();
  }

  /** Tells the values of another attribute apart. */
  colourBy(name: string): void {
    this.#chosen = name;
    this.#chooseColour();
  }

  /** The index in the palette of a driver’s colour; that of the first where nothing tells it apart. */
  colourOf(attributes: Attributes | null | undefined): number {
    const name = this.#colouredBy.value;
    const value = name === undefined ? undefined : attributes?.[name];
    return value === undefined ? 0 : this.colourIndex(String(value));
  }

  /** The index in the palette of a value’s colour, among those of the attribute that colours. */
  colourIndex(value: string): number {
    return this.#indices.get(value) ?? 0;
  }

  #remember(counts: ReadonlyMap<string, ReadonlyMap<string, number>>, hides: boolean, now: number): void {
    for (const [name, values] of counts) {
      const seen = this.#seen.get(name) ?? new Map<string, number>();
      this.#seen.set(name, seen);
      for (const value of [...values.keys()].sort()) {
        if (seen.has(value) || seen.size < MAX_REMEMBERED) seen.set(value, now);
      }
    }
    for (const [name, seen] of this.#seen) {
      for (const [value, at] of seen) {
        if (hides) seen.set(value, now);
        else if (now - at > MEMORY) seen.delete(value);
      }
      if (seen.size === 0) this.#seen.delete(name);
    }
  }

  /** The values of an attribute that can be filtered by. @param chosen those that are, whoever has them */
  #offered(name: string, counts: ReadonlyMap<string, number>, chosen: readonly string[]): FacetValue[] {
    const known = new Set([...(this.#seen.get(name)?.keys() ?? []), ...counts.keys(), ...chosen]);
    const all = [...known].map((value) => ({ value, count: counts.get(value) ?? 0 }));
    if (all.length <= MAX_VALUES) return all;
    const isShared = sum(counts.values()) >= SHARED * counts.size;
    const frequent = isShared ? all.filter(({ count }) => count > 0).sort((a, b) => b.count - a.count) : [];
    const offered = new Set([...frequent.slice(0, MAX_VALUES).map(({ value }) => value), ...chosen]);
    return all.filter(({ value }) => offered.has(value));
  }

  #chooseColour(): boolean {
    const names = this.#facets.value.map(({ name }) => name);
    const wanted = [this.#chosen, PREFERRED].find((name) => name !== undefined && names.includes(name)) ?? names[0];
    this.#colouredBy.value = wanted;
    const before = this.#indices;
    this.#indices = indicesOf([...((wanted === undefined ? undefined : this.#seen.get(wanted)?.keys()) ?? [])]);
    return [...this.#indices].some(([value, index]) => before.get(value) !== index);
  }
}

/** How many drivers have which value, by the name of the attribute. */
function countsOf(drivers: Iterable<Position>): Map<string, Map<string, number>> {
  const counts = new Map<string, Map<string, number>>();
  for (const { attributes } of drivers) {
    for (const name in attributes) {
      const values = counts.get(name) ?? new Map<string, number>();
      counts.set(name, values);
      const value = String((attributes as Attributes)[name]);
      values.set(value, (values.get(value) ?? 0) + 1);
    }
  }
  return counts;
}

function sum(numbers: Iterable<number>): number {
  let all = 0;
  for (const number of numbers) all += number;
  return all;
}

/** A colour for each value: its own where it has one, else the next that is nobody’s own. */
function indicesOf(values: readonly string[]): Map<string, number> {
  const own = new Set(values.map((value) => MEANT.get(value)));
  const free = PALETTE.map((_, index) => index).filter((index) => !own.has(index));
  let next = 0;
  return new Map(values.map((value) => [value, MEANT.get(value) ?? free[next++ % free.length]]));
}

/** The values that a filter allows of an attribute, as text; none where it says nothing of it, whatever the name. */
export function chosenOf(where: Where, name: string): string[] {
  return Object.hasOwn(where, name) ? listed(where[name]) : [];
}

/** The values that a condition allows, as text. */
export function listed(allowed: Where[string]): string[] {
  return (Array.isArray(allowed) ? allowed : [allowed]).map(String);
}
