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

/** Attributes and values beyond these are not offered: what is different for everybody is no filter. */
const MAX_NAMES = 16;
const MAX_VALUES = 12;

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
  /** Every value that was seen, in that order, by name; also those that a filter leaves out now. */
  readonly #seen = new Map<string, string[]>();
  /** Of each value of the attribute that colours. */
  #indices: ReadonlyMap<string, number> = new Map();

  constructor() {
    this.facets = this.#facets;
    this.colouredBy = this.#colouredBy;
  }

  /** Counts anew. @returns whether drivers may have other colours now */
  count(drivers: Iterable<Position>, where: Where): boolean {
    const counts = new Map<string, Map<string, number>>();
    const add = (name: string, value: string, by: number) => {
      const values = counts.get(name) ?? new Map<string, number>();
      counts.set(name, values);
      values.set(value, (values.get(value) ?? 0) + by);
    };
    for (const [name, values] of Object.entries(where)) for (const value of listed(values)) add(name, value, 0);
    for (const { attributes } of drivers) {
      for (const name in attributes) add(name, String((attributes as Attributes)[name]), 1);
    }
    for (const [name, values] of counts) {
      if (!this.#seen.has(name) && this.#seen.size >= MAX_NAMES) continue;
      const seen = this.#seen.get(name) ?? [];
      this.#seen.set(name, seen);
      if (seen.length > MAX_VALUES) continue;
      for (const value of [...values.keys()].sort()) {
        if (seen.length <= MAX_VALUES && !seen.includes(value)) seen.push(value);
      }
    }
    this.#facets.value = [...this.#seen].flatMap(([name, seen]) => {
      // Of what is different for everybody only what was asked for is offered.
      const offered = seen.length <= MAX_VALUES ? seen : chosenOf(where, name);
      if (offered.length === 0) return [];
      return [{ name, values: offered.map((value) => ({ value, count: counts.get(name)?.get(value) ?? 0 })) }];
    });
    return this.#chooseColour();
  }

  /** Tells the values of another attribute apart. */
  colourBy(name: string | undefined): void {
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

  #chooseColour(): boolean {
    const names = this.#facets.value.map(({ name }) => name);
    const wanted = [this.#chosen, PREFERRED].find((name) => name !== undefined && names.includes(name)) ?? names[0];
    this.#colouredBy.value = wanted;
    const before = this.#indices;
    this.#indices = indicesOf((wanted === undefined ? undefined : this.#seen.get(wanted)) ?? []);
    return [...this.#indices].some(([value, index]) => before.get(value) !== index);
  }
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
