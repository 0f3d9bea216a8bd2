import type { Map as MapLibre } from 'maplibre-gl';

/** Where a map looks. */
export interface View {
  readonly lat: number;
  readonly lng: number;
  readonly zoom: number;
}

/** A view as links say it, `40.7549,-73.984,13.5`; undefined where it is none. */
export function parseView(text: string | undefined): View | undefined {
  const [lat, lng, zoom = 13] = (text ?? '').split(',').map(Number);
  if (!(Math.abs(lat) <= 85.06 && Math.abs(lng) <= 180 && zoom >= 0 && zoom <= 22)) return undefined;
  return { lat, lng, zoom };
}

/** Degrees to about a decimetre are enough for a view. */
export function formatView({ lat, lng, zoom }: View): string {
  const short = (value: number, digits: number) => String(Number(value.toFixed(digits)));
  return `${short(lat, 5)},${short(lng, 5)},${short(zoom, 2)}`;
}

export function viewOf(map: MapLibre): View {
  const { lat, lng } = map.getCenter();
  return { lat, lng, zoom: map.getZoom() };
}
