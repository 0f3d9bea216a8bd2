import type { Feature, FeatureCollection, Position } from 'geojson';
import { feature, mesh } from 'topojson-client';
import type { GeometryCollection, Topology } from 'topojson-specification';
import { labelPlace, ringSize } from './label-place.ts';
import { unrolledPolygon } from './unroll.ts';

/** As the package world-atlas has Natural Earth. */
export type World = Topology<{ countries: GeometryCollection<{ name: string }>; land: GeometryCollection }>;

/** A country has its name from where this much of it is as wide as the text, about: pixels. */
const NAME_WIDTH = 30;

/** What the background draws: features that say by `kind` what they are. */
export function outlinesOf(world: World): FeatureCollection {
  const { countries, land } = world.objects;
  const lands = feature(world, land).features.flatMap(({ geometry }) => polygonsOf(geometry));
  const features: Feature[] = [
    { type: 'Feature', geometry: { type: 'MultiPolygon', coordinates: lands }, properties: { kind: 'land' } },
    { type: 'Feature', geometry: mesh(world, countries, (a, b) => a !== b), properties: { kind: 'border' } },
  ];
  for (const { geometry, properties } of feature(world, countries).features) {
    const ring = largest(polygonsOf(geometry).map(([outer]) => outer));
    if (ring === undefined) continue;
    const size = ringSize(ring);
    // 512 pixels are the world's 360° at zoom 0.
    const from = Math.log2((NAME_WIDTH * 360) / 512 / Math.sqrt(size));
    features.push({
      type: 'Feature',
      geometry: { type: 'Point', coordinates: labelPlace(ring) },
      properties: { kind: 'name', name: properties.name, size, from },
    });
  }
  return { type: 'FeatureCollection', features };
}

function polygonsOf(geometry: Feature['geometry']): Position[][][] {
  if (geometry.type === 'Polygon') return [unrolledPolygon(geometry.coordinates)];
  if (geometry.type === 'MultiPolygon') return geometry.coordinates.map(unrolledPolygon);
  return [];
}

function largest(rings: readonly Position[][]): Position[] | undefined {
  let found: Position[] | undefined;
  let most = 0;
  for (const ring of rings) {
    const size = ringSize(ring);
    if (size <= most) continue;
    most = size;
    found = ring;
  }
  return found;
}
