import { effect } from '@preact/signals';
import type { Feature, FeatureCollection } from 'geojson';
import { isInView } from '../map/bbox.ts';
import { Overlay } from '../map/overlay.ts';
import type { Dashboard } from './dashboard.ts';
import { alongDrivers } from './gliding.ts';

/** From this zoom on drivers have their ids beside them, */
const MIN_ZOOM = 14;
/** if no more than these are in view: else one could not read them. */
const MAX_LABELS = 60;
/** Letters of an id; ids may be of 128, and a label of all of them would hide the others. */
const MAX_LETTERS = 24;

/** Writes the ids of drivers beside them, where they are few; that of the selected one always. */
export function labelDrivers(dashboard: Dashboard): void {
  const { base, drivers, markers, selected } = dashboard;
  const overlay = new Overlay(base, 'driver-labels', (theme) => [
    {
      id: 'driver-labels',
      type: 'symbol',
      layout: {
        'text-field': ['get', 'name'],
        'text-size': ['case', ['get', 'selected'], 14, 12],
        'text-anchor': 'left',
        'text-offset': [1.2, 0],
        'symbol-sort-key': ['case', ['get', 'selected'], 0, 1],
        'text-max-width': 30,
      },
      paint: {
        'text-color': theme === 'dark' ? '#e9eef4' : '#10161f',
        'text-halo-color': theme === 'dark' ? '#0c1015' : '#ffffff',
        'text-halo-width': 1.8,
      },
    },
  ]);
  const shape = () => shapeOf(labelled(dashboard), (driverId) => markers.drawn(driverId), selected.peek());
  const along = alongDrivers(base.map, shape, (labels) => overlay.set(labels));
  effect(() => {
    void selected.value;
    void drivers.version.value;
    void dashboard.counting.value;
    along.draw();
  });
}

/** Whose ids are written. */
function labelled({ base, drivers, markers, selected, counting }: Dashboard): string[] {
  const chosen = selected.peek();
  const always = chosen === undefined ? [] : [chosen];
  if (counting.peek() || base.map.getZoom() < MIN_ZOOM) return always;
  const inView: string[] = [];
  for (const driverId of drivers.inside.keys()) {
    const drawn = markers.drawn(driverId);
    if (drawn === undefined || driverId === chosen || !isInView(base.map, drawn.lat, drawn.lng)) continue;
    if (inView.length === MAX_LABELS) return always;
    inView.push(driverId);
  }
  return [...always, ...inView];
}

function shapeOf(
  driverIds: readonly string[],
  drawn: (driverId: string) => { lat: number; lng: number } | undefined,
  selected: string | undefined,
): FeatureCollection {
  const features: Feature[] = [];
  for (const driverId of driverIds) {
    const at = drawn(driverId);
    if (at === undefined) continue;
    features.push({
      type: 'Feature',
      properties: { name: shortened(driverId), selected: driverId === selected },
      // To a decimetre: what moves less is at rest.
      geometry: { type: 'Point', coordinates: [Number(at.lng.toFixed(6)), Number(at.lat.toFixed(6))] },
    });
  }
  return { type: 'FeatureCollection', features };
}

function shortened(driverId: string): string {
  const letters = [...driverId];
  return letters.length > MAX_LETTERS ? `${letters.slice(0, MAX_LETTERS - 1).join('')}…` : driverId;
}
