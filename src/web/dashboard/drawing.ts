import { wrapLng } from '../map/bbox.ts';
import { offset } from '../phone/offset.ts';
import { type Corner, MAX_CORNERS, polygonOf, rounded } from './area-link.ts';
import type { DrawnArea } from './subject.ts';

export type Shape = 'circle' | 'polygon';

/** An area being drawn: the centre of a circle, or the corners of a polygon so far. */
export interface Drawing {
  readonly shape: Shape;
  readonly corners: readonly Corner[];
}

/** What a place that was clicked makes of a drawing: it goes on, or it is a whole area, or the place cannot be taken. */
export type Step = { readonly drawing: Drawing } | { readonly area: DrawnArea } | { readonly fault: string };

/** Circles shorter than this are a slip of the hand, metres. */
const MIN_RADIUS = 1;

export function begun(shape: Shape): Drawing {
  return { shape, corners: [] };
}

/**
 * A place is clicked.
 *
 * @param maxRadius of a circle, metres
 */
export function placed(drawing: Drawing, place: Corner, maxRadius: number): Step {
  const { shape, corners } = drawing;
  if (shape === 'circle') {
    if (corners.length === 0) return { drawing: { shape, corners: [wrapped(place)] } };
    return circleOf(corners[0], radiusTo(corners[0], place), maxRadius);
  }
  if (corners.length >= MAX_CORNERS) return { fault: `A polygon may have ${MAX_CORNERS} corners here.` };
  const next = corners.length === 0 ? wrapped(place) : rounded(nearTo(corners[corners.length - 1], place));
  return { drawing: { shape, corners: [...corners, next] } };
}

/** A circle, if it may be as large. */
export function circleOf(centre: Corner, radius: number, maxRadius: number): Step {
  if (!(radius >= MIN_RADIUS)) return { fault: 'A circle has a radius of at least 1 m.' };
  if (radius > maxRadius) return { fault: `The radius may be ${maxRadius.toLocaleString('en-US')} m at the most.` };
  const { lat, lng } = wrapped(centre);
  return { area: { latitude: lat, longitude: lng, radius: Math.round(radius) } };
}

/** A polygon is closed. */
export function finished({ shape, corners }: Drawing): Step {
  if (shape === 'circle') return { fault: 'Choose a place on the rim.' };
  if (corners.length < 3) return { fault: 'A polygon has three corners or more.' };
  return { area: polygonOf(corners) };
}

/** The last place is taken back. */
export function back({ shape, corners }: Drawing): Drawing {
  return { shape, corners: corners.slice(0, -1) };
}

/** How far a place is from a circle's centre, metres. */
export function radiusTo(centre: Corner, place: Corner): number {
  const [from, to] = [centre, place].map(({ lat, lng }) => ({ latitude: lat, longitude: lng }));
  return offset(from, to).distance;
}

function wrapped({ lat, lng }: Corner): Corner {
  return rounded({ lat, lng: wrapLng(lng) });
}

/** The same place, in the turn of the world in which it is the short way from another: edges go no other way. */
export function nearTo(other: Corner, { lat, lng }: Corner): Corner {
  return { lat, lng: lng - 360 * Math.round((lng - other.lng) / 360) };
}
