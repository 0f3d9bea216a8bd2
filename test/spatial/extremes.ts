import { cellToBoundary, cellToChildren, cellToLatLng, getPentagons, getResolution } from 'h3-js';
import { toEcef } from '../../src/geo/ecef.ts';
import type { Place } from '../support/geodesic.ts';

/** Descendants kept at each resolution; with more of them no further point is found. */
const BEAM = 3;
const FINEST = 15;

type Vector = readonly [number, number, number];

function vectorOf(lat: number, lng: number): Vector {
  const out = new Float64Array(3);
  toEcef(lat, lng, out, 0);
  return out as unknown as Vector;
}

const straight = (a: Vector, b: Vector) => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);

/**
 * The point that is furthest from the centre of `ancestor` among those whose cell at resolution 15 descends from it, as
 * far as a beam search finds it: ever the children whose centres are furthest, at last the corners and the middles of
 * the edges. (H3 children lie partly outside their parent, so this is no corner of `ancestor`.)
 *
 * @param from where to start: `ancestor` itself or one of its descendants
 */
export function extremeOf(ancestor: string, from = ancestor): Place {
  const centre = vectorOf(...cellToLatLng(ancestor));
  let cells = [from];
  for (let resolution = getResolution(from) + 1; resolution <= FINEST; resolution++) {
    cells = cells
      .flatMap((cell) => cellToChildren(cell, resolution))
      .map((cell) => ({ cell, distance: straight(centre, vectorOf(...cellToLatLng(cell))) }))
      .sort((a, b) => b.distance - a.distance)
      .slice(0, BEAM)
      .map(({ cell }) => cell);
  }
  let furthest: Place = cellToLatLng(from);
  let most = -1;
  for (const cell of cells) {
    const own = cellToLatLng(cell);
    for (const point of rim(cell)) {
      // A corner is of three cells: a micrometre towards the centre it is of this one.
      const inner: Place = [point[0] + 1e-6 * (own[0] - point[0]), point[1] + 1e-6 * eastward(point[1], own[1])];
      const distance = straight(centre, vectorOf(...inner));
      if (distance <= most) continue;
      most = distance;
      furthest = inner;
    }
  }
  return furthest;
}

/** Corners and middles of edges. */
function rim(cell: string): Place[] {
  const corners = cellToBoundary(cell);
  return corners.flatMap(([lat, lng], i) => {
    const [nextLat, nextLng] = corners[(i + 1) % corners.length];
    return [[lat, lng] as const, [(lat + nextLat) / 2, lng + eastward(lng, nextLng) / 2] as const];
  });
}

/** Degrees from one longitude to another the short way. */
const eastward = (from: number, to: number) => ((((to - from) % 360) + 540) % 360) - 180;

/**
 * The centres of the icosahedron's faces. There the plane that H3 draws its cells on touches the sphere, so that cells
 * are largest for their resolution. (A face's corners are three pentagons that are neighbours.)
 */
export function faceCentres(): Place[] {
  const corners = getPentagons(0).map((cell) => {
    const [lat, lng] = cellToLatLng(cell).map((degrees) => (degrees * Math.PI) / 180);
    return [Math.cos(lat) * Math.cos(lng), Math.cos(lat) * Math.sin(lng), Math.sin(lat)] as const;
  });
  const faces: Place[] = [];
  for (const [i, a] of corners.entries()) {
    for (const [j, b] of corners.slice(0, i).entries()) {
      for (const c of corners.slice(0, j)) {
        if (![straight(a, b), straight(b, c), straight(c, a)].every((edge) => edge < 1.1)) continue;
        const [x, y, z] = a.map((_, axis) => a[axis] + b[axis] + c[axis]);
        faces.push([(Math.asin(z / Math.hypot(x, y, z)) * 180) / Math.PI, (Math.atan2(y, x) * 180) / Math.PI]);
      }
    }
  }
  return faces;
}
