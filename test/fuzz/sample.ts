import type { Random } from '../support/random.ts';
import { resolve, type Schema } from './contract.ts';
import { nastyString } from './nasty.ts';

/** The fields of each kind of area: of more than one kind, or half of one, nothing much comes. */
const AREAS: readonly (readonly string[])[] = [
  ['latitude', 'longitude', 'radius'],
  ['bbox'],
  ['polygon'],
  ['around', 'radius'],
  [],
];
const AREA_FIELDS = new Set(AREAS.flat());
/** Drivers that everything is about, so that one case meets what another left. */
const DRIVERS = 200;
const CENTRE = { lat: 40.75, lng: -73.98 };
/** Milliseconds before now, of most times. */
const PAST = 600_000;

/**
 * Text that whoever performs a case replaces by what it has learned from the server's answers, so that a case stays the
 * same case: `@cursor@`, `@token:NAME@` …
 */
export const placeholder = (name: string) => `@${name}@`;

/** A value as a schema would have it, mostly: what a schema cannot say is not kept to. */
export function sample(schema: Schema, random: Random, name = ''): unknown {
  const known = byName(name, schema, random);
  if (known !== undefined) return known;
  const own = resolve(schema);
  if (own.const !== undefined) return own.const;
  if (own.enum !== undefined) return random.pick(own.enum);
  const choices = own.anyOf ?? own.oneOf;
  if (choices !== undefined && own.properties === undefined) return sample(random.pick(choices), random, name);
  if (own.allOf !== undefined && own.properties === undefined) return sample(own.allOf[0], random, name);
  const examples = own.examples ?? (own.example === undefined ? [] : [own.example]);
  if (examples.length > 0 && random.below(3) === 0) return structuredClone(random.pick(examples));
  const type = typeof own.type === 'string' ? own.type : random.pick(own.type ?? ['null', 'string', 'number']);
  switch (type) {
    case 'object':
      return sampleObject(own, random);
    case 'array':
      return sampleArray(own, random, name);
    case 'integer':
      return Math.round(sampleNumber(own, random));
    case 'number':
      return sampleNumber(own, random);
    case 'boolean':
      return random.below(2) === 0;
    case 'null':
      return null;
    default:
      return sampleString(own, random);
  }
}

function sampleObject(schema: Schema, random: Random): Record<string, unknown> {
  const { properties = {}, required = [], additionalProperties } = schema;
  const area = random.pick(AREAS);
  const wanted = (key: string) => {
    if (required.includes(key)) return true;
    if ('bbox' in properties && AREA_FIELDS.has(key)) return area.includes(key);
    return random.below(3) === 0;
  };
  const object: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(properties)) if (wanted(key)) object[key] = sample(value, random, key);
  if (typeof additionalProperties === 'object' && Object.keys(properties).length === 0) {
    const keys = ['status', 'seats', 'free', nastyString(random).slice(0, 64)];
    for (const key of keys) if (random.below(2) === 0) object[key] = sample(additionalProperties, random);
  }
  return object;
}

function sampleArray(schema: Schema, random: Random, name: string): unknown[] {
  if (schema.prefixItems !== undefined) return schema.prefixItems.map((item) => sample(item, random));
  const { minItems = 0, maxItems = Number.POSITIVE_INFINITY, items } = schema;
  const many = random.below(200) === 0 ? 1000 : 1 + random.below(5);
  const length = Math.min(Math.max(minItems, many), maxItems);
  const item = typeof items === 'object' ? items : {};
  const array = Array.from({ length }, () => sample(item, random, name === 'positions' ? 'fix' : ''));
  // A ring ends where it began.
  if (minItems === 4) array[array.length - 1] = array[0];
  return array;
}

function sampleNumber({ minimum = -1000, maximum = 1_000_000 }: Schema, random: Random): number {
  switch (random.below(8)) {
    case 0:
      return minimum;
    case 1:
      return maximum;
    case 2:
      return minimum - 1;
    default: {
      // As often small as large.
      const span = Math.min(maximum - minimum, 1e9);
      return minimum + span * random.next() ** 4;
    }
  }
}

function sampleString({ minLength = 0, maxLength = 200, format }: Schema, random: Random): string {
  if (format === 'date-time') return new Date(Date.now() - random.below(PAST)).toISOString();
  if (random.below(4) === 0) return nastyString(random);
  const length = minLength + random.below(Math.min(maxLength, 24) - Math.min(minLength, 24) + 1);
  return Array.from({ length }, () => String.fromCodePoint(33 + random.below(94))).join('');
}

/** Values by which a case reaches far: what a schema says of them is that they are strings or numbers. */
function byName(name: string, schema: Schema, random: Random): unknown {
  const often = random.below(8) !== 0;
  switch (name) {
    case 'driverId':
    case 'around':
      return often ? `d${random.below(DRIVERS)}` : undefined;
    case 'subscription':
      return often ? `s${random.below(5)}` : undefined;
    case 'fix':
      return sample(FIX, random);
    case 'latitude':
      return often ? CENTRE.lat + random.normal() / 20 : undefined;
    case 'longitude':
      return often ? CENTRE.lng + random.normal() / 20 : undefined;
    case 'radius':
      return often ? Math.round(10 ** random.between(1, 5)) : undefined;
    case 'timestamp':
    case 'from':
    case 'to':
    case 'expiresAt':
      return often ? Date.now() - random.below(PAST) : undefined;
    case 'cursor':
    case 'last-event-id':
    case 'after':
      return often ? placeholder(name === 'after' ? 'after' : 'cursor') : undefined;
    case 'token':
      return often
        ? placeholder(`token:${random.pick(['all', 'all', 'all', 'reader', 'driver', 'elsewhere'])}`)
        : undefined;
    case 'id':
      return schema.type === 'string' && often ? placeholder('id') : undefined;
    case 'bbox': {
      const [west, south] = [CENTRE.lng + random.normal() / 10, CENTRE.lat + random.normal() / 10];
      const box = [west, south, west + random.next(), south + random.next()];
      if (!often) return undefined;
      return resolve(schema).type === 'string' ? box.join() : box;
    }
    default:
      return undefined;
  }
}

/** Fixes of a batch are checked one by one, so the contract of the message says nothing of them. */
const FIX: Schema = { $ref: '#/components/schemas/Fix' };
