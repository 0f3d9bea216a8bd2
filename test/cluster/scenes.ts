import { cellToLatLng, cellToVertexes, getPentagons, latLngToCell, vertexToLatLng } from 'h3-js';
import { named } from '../geo/shapes.ts';
import { type AskedArea, around, box, circle, everywhere, frame } from '../support/areas.ts';
import { destination, type Place } from '../support/geodesic.ts';
import type { Random } from '../support/random.ts';

/** The resolution of the cells by which instances share the world out among each other. */
export const SHARED_RESOLUTION = 4;

/** A part of the world where borders between those cells meet, with drivers that go to and fro over them. */
export interface Scene {
  readonly name: string;
  readonly centre: Place;
}

/** The corner of a cell that is nearest to a place, so that three cells meet there. */
function cornerNear([lat, lng]: Place): Place {
  const cell = latLngToCell(lat, lng, SHARED_RESOLUTION);
  const corners = cellToVertexes(cell).map((vertex) => vertexToLatLng(vertex) as [number, number]);
  const away = ([cornerLat, cornerLng]: Place) => Math.hypot(cornerLat - lat, named(cornerLng - lng));
  return corners.sort((a, b) => away(a) - away(b))[0];
}

/** One of each kind there is. */
export function scenes(random: Random): Scene[] {
  const pentagon = random.pick(getPentagons(SHARED_RESOLUTION));
  return [
    { name: 'a city', centre: [random.between(-60, 60), random.between(-170, 170)] },
    { name: 'a corner of cells', centre: cornerNear([random.between(-60, 60), random.between(-170, 170)]) },
    { name: 'a pentagon', centre: cellToLatLng(pentagon) as [number, number] },
    { name: 'a corner of a pentagon', centre: cornerNear(cellToLatLng(pentagon) as [number, number]) },
    { name: 'the antimeridian', centre: cornerNear([random.between(-60, 60), 180]) },
    { name: 'a pole', centre: [random.pick([89.95, -89.95]), random.between(-180, 180)] },
  ];
}

/** Kilometres that drivers are from the middle of a scene, mostly; cells are some 45 km across. */
const SPREAD = 15_000;

/** A place in a scene. */
export function placeIn({ centre }: Scene, random: Random): Place {
  const [lat, lng] = destination(centre, random.between(0, 360), SPREAD * Math.abs(random.normal()));
  return [lat, named(lng)];
}

/** A place a way off another, seldom far. */
export function near(place: Place, random: Random): Place {
  const metres = random.pick([30, 300, 3_000, 20_000]) * random.next();
  const [lat, lng] = destination(place, random.between(0, 360), metres);
  return [lat, named(lng)];
}

/** An area through which drivers of a scene come and go. @param driverIds who may be followed @param isApart not everywhere */
export function areaIn(
  { centre, name }: Scene,
  random: Random,
  driverIds: readonly string[],
  isApart = false,
): AskedArea {
  const [lat, lng] = near(centre, random);
  const degrees = random.between(0.05, 0.4);
  // Boxes and polygons are of degrees, which are small there.
  const round = name === 'a pole' || random.below(2) === 0;
  if (random.below(8) === 0 && !isApart) return everywhere;
  if (random.below(4) === 0) return around(random.pick(driverIds), random.between(2_000, 40_000));
  if (round) return circle(lat, lng, random.pick([2_000, 15_000, 60_000]) * random.between(0.5, 1));
  if (random.below(2) === 0) return frame(lat, lng, degrees);
  return box(named(lng - degrees), lat - degrees, named(lng + degrees), lat + degrees);
}
