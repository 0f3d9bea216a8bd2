import { AREA_FIELDS } from '../protocol/area.ts';
import type { JsonSchema } from './json-schema.ts';

/** The kinds of area and the fields of each. */
const KINDS: Readonly<Record<string, readonly (typeof AREA_FIELDS)[number][]>> = {
  circle: ['latitude', 'longitude', 'radius'],
  box: ['bbox'],
  polygon: ['polygon'],
  'around a driver': ['around', 'radius'],
  none: [],
};

/** What `oneArea` of protocol/area.ts lets through: an area of one kind, and whole, or none. */
export const ONE_AREA: JsonSchema = {
  description: 'The fields of one kind of area, and all of them, or none.',
  oneOf: Object.entries(KINDS).map(([kind, fields]) => ({
    title: `Area: ${kind}`,
    ...(fields.length > 0 && { required: [...fields] }),
    not: { anyOf: AREA_FIELDS.filter((field) => !fields.includes(field)).map((field) => ({ required: [field] })) },
  })),
};

/** The rule of an update that a centre has both coordinates: numbers, nulls, or none. */
export const WHOLE_CENTRE: JsonSchema = {
  description: 'Both coordinates of a centre, both null, or neither.',
  dependencies: { latitude: ['longitude'], longitude: ['latitude'] },
  anyOf: (['number', 'null'] as const).map((type) => ({ properties: { latitude: { type }, longitude: { type } } })),
};
