import { getResolution, isValidCell } from 'h3-js';
import { z } from 'zod';
import type { CellCount } from '../pages.ts';
import { AREA_FIELDS, areaInQuery, oneArea } from './area.ts';
import { cellGeometry } from './cell-boundary.ts';
import { number } from './fix.ts';
import { encodeNext } from './list.ts';
import { inQuery } from './query.ts';
import { NOT_FILTERS, refuse } from './refuse.ts';
import { limitSchema, maxAgeSchema, serverTime } from './rest.ts';

/** How many cells a page has when no limit is named, and at the most. */
export const DEFAULT_CELLS = 1000;
const MAX_CELLS = 10_000;
/** How many have their outlines told in one answer; each takes ten times as long as its count. */
export const MAX_OUTLINES = 2_000;

const EXAMPLE = '892a100d2c3ffff';
const resolutionRule = 'must be a whole number from 0 to 15';
const cellRule = `must be an H3 cell of the resolution asked for, such as ${EXAMPLE}`;

const resolutionSchema = number(resolutionRule)
  .int({ error: resolutionRule })
  .min(0, { error: resolutionRule })
  .max(15, { error: resolutionRule })
  .meta({
    description: 'H3 resolution: 0 (cells of 4,000,000 km²) to 15 (of 1 m²); 9 is a block or two (0.1 km²).',
    example: 9,
  });

/** The parameters of a list of cells that its next page is asked for with. */
export const CELL_PARAMETERS = ['resolution', ...AREA_FIELDS, 'maxAge', 'limit'] as const;

/** @param maxRadius MAX_RADIUS_METERS */
export const cellsQuerySchema = (maxRadius: number) =>
  oneArea(
    refuse(
      z.looseObject({
        resolution: inQuery(resolutionSchema),
        ...areaInQuery(maxRadius),
        maxAge: inQuery(maxAgeSchema.optional()),
        limit: inQuery(limitSchema('cells', DEFAULT_CELLS, MAX_CELLS).optional()),
        after: z.string({ error: cellRule }).optional().meta({
          description: 'The page has cells after this one, in the order of their indexes. `next` brings it along.',
        }),
      }),
      NOT_FILTERS,
    ),
  ).refine(
    ({ resolution, after }) => after === undefined || (isValidCell(after) && getResolution(after) === resolution),
    { path: ['after'], error: cellRule },
  );

const countSchema = z
  .object({
    cell: z.string().meta({ description: 'H3 index, in hexadecimal.', example: EXAMPLE }),
    count: z.int().min(1).meta({ description: 'Drivers in it.', example: 12 }),
  })
  .meta({ id: 'CellCount', description: 'How many drivers are in a cell.' });

const next = z
  .string()
  .optional()
  .meta({
    description: 'The path of the next page, with the same parameters. Absent on the last one.',
    example: `/v1/cells?resolution=9&bbox=-74.02,40.7,-73.93,40.8&after=${EXAMPLE}`,
  });
const resolution = z.int().min(0).max(15).meta({ example: 9 });

export const cellsAnswerSchema = z
  .object({ serverTime, resolution, cells: z.array(countSchema), next })
  .meta({ id: 'Cells', description: 'Cells that have drivers, in the order of their indexes.' });

const position = z.tuple([z.number(), z.number()]).meta({ description: 'Longitude, latitude.' });
const rings = z.array(z.array(position));

const cellFeatureSchema = z
  .object({
    type: z.literal('Feature'),
    id: z.string().meta({ description: 'The cell.' }),
    geometry: z.union([
      z.object({ type: z.literal('Polygon'), coordinates: rings }),
      z.object({ type: z.literal('MultiPolygon'), coordinates: z.array(rings) }),
    ]),
    properties: countSchema,
  })
  .meta({ id: 'CellFeature', description: 'The outline of a cell; cut in two where it crosses the antimeridian.' });

export const cellCollectionSchema = z
  .object({
    type: z.literal('FeatureCollection'),
    serverTime,
    resolution,
    features: z.array(cellFeatureSchema),
    next,
  })
  .meta({ id: 'CellCollection', description: 'The same list as GeoJSON.' });

/** The answer: cells and their counts. @param next the path to the next page */
export function encodeCells(
  cells: readonly CellCount[],
  resolution: number,
  serverTime: number,
  next: string | undefined,
): string {
  const list = cells.map(({ cell, count }) => `{"cell":"${cell}","count":${count}}`);
  return `{"serverTime":${serverTime},"resolution":${resolution},"cells":[${list}]${encodeNext(next)}}`;
}

/** The same as a GeoJSON FeatureCollection of the cells' outlines. */
export function encodeCellCollection(
  cells: readonly CellCount[],
  resolution: number,
  serverTime: number,
  next: string | undefined,
): string {
  const features = cells.map(({ cell, count }) =>
    JSON.stringify({ type: 'Feature', id: cell, geometry: cellGeometry(cell), properties: { cell, count } }),
  );
  const head = `{"type":"FeatureCollection","serverTime":${serverTime},"resolution":${resolution}`;
  return `${head},"features":[${features}]${encodeNext(next)}}`;
}
