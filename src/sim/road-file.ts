import { readFile, stat } from 'node:fs/promises';
import { UsageError } from '../command-line.ts';
import { RoadNetwork } from './road-network.ts';

/** Bytes of a file of roads. */
const MAX_BYTES = 64 * 1024 * 1024;
/** Places on all its lines. */
const MAX_PLACES = 500_000;

/** A line of roads: `[lng, lat]` in degrees, as GeoJSON has it; a third number, the height, has no meaning. */
export type RoadLine = readonly (readonly [lng: number, lat: number])[];

/** Reads the roads of a GeoJSON file. @throws {UsageError} that says what is wrong with it */
export async function readRoadFile(path: string): Promise<RoadNetwork> {
  try {
    const { size } = await stat(path);
    if (size > MAX_BYTES) throw new RangeError(`it has ${size} bytes; at most ${MAX_BYTES} are read`);
    return new RoadNetwork(roadLines(await readFile(path, 'utf8')));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (!(error instanceof RangeError || code)) throw error;
    throw new UsageError(`--roads ${path}: ${code === 'ENOENT' ? 'there is no such file' : message}`);
  }
}

/**
 * The lines of a GeoJSON text: of a FeatureCollection, a Feature or a geometry. What is no LineString or MultiLineString
 * is left out, as files of roads have crossings and squares too.
 *
 * @throws {RangeError} that says what is wrong
 */
export function roadLines(text: string): RoadLine[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new RangeError(`it is not JSON (${(error as Error).message})`);
  }
  const lines: RoadLine[] = [];
  let places = 0;
  const add = (line: unknown, where: string) => {
    const road = readLine(line, where);
    places += road.length;
    if (places > MAX_PLACES) throw new RangeError(`its lines have more than ${MAX_PLACES} places`);
    lines.push(road);
  };
  for (const [geometry, where] of geometriesOf(json)) {
    const { type, coordinates } = (geometry ?? {}) as { type?: unknown; coordinates?: unknown };
    if (type === 'LineString') add(coordinates, `${where}.coordinates`);
    else if (type === 'MultiLineString') {
      for (const [n, line] of listOf(coordinates, `${where}.coordinates`).entries()) {
        add(line, `${where}.coordinates[${n}]`);
      }
    }
  }
  if (lines.length === 0) throw new RangeError('it has no LineString and no MultiLineString');
  return lines;
}

function* geometriesOf(json: unknown): Generator<[geometry: unknown, where: string]> {
  const { type, features, geometry } = (json ?? {}) as { type?: unknown; features?: unknown; geometry?: unknown };
  if (type === 'FeatureCollection') {
    for (const [n, feature] of listOf(features, 'features').entries()) {
      yield [(feature as { geometry?: unknown } | null)?.geometry, `features[${n}].geometry`];
    }
  } else if (type === 'Feature') yield [geometry, 'geometry'];
  else if (typeof type === 'string' && /LineString$/.test(type)) yield [json, 'the geometry'];
  else throw new RangeError('it is not GeoJSON: its type must be FeatureCollection, Feature or LineString');
}

function listOf(value: unknown, where: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new RangeError(`${where} must be a list`);
  return value;
}

function readLine(value: unknown, where: string): RoadLine {
  const line = listOf(value, where);
  if (line.length < 2) throw new RangeError(`${where} must have two places or more`);
  return line.map((place, n) => {
    const [lng, lat] = Array.isArray(place) ? place : [];
    if (!(isDegrees(lng, 180) && isDegrees(lat, 90))) {
      throw new RangeError(
        `place ${n} of ${where} must be [longitude, latitude] in degrees, not ${JSON.stringify(place)?.slice(0, 60)}`,
      );
    }
    return [lng, lat] as const;
  });
}

function isDegrees(value: unknown, max: number): value is number {
  return typeof value === 'number' && Math.abs(value) <= max;
}
