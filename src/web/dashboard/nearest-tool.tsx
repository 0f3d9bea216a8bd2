import { effect } from '@preact/signals';
import { useLayoutEffect, useState } from 'preact/hooks';
import { Overlay } from '../map/overlay.ts';
import { formatDistance, formatDuration } from '../ui/format.ts';
import type { Dashboard } from './dashboard.ts';
import { alongDrivers } from './gliding.ts';
import { NearestSearch, nearestShape } from './nearest.ts';
import { pickPlaces } from './place-picker.ts';
import { Swatch } from './swatch.tsx';
import './nearest-tool.css';

/** Metres to look within. */
const RADII = [500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000];
const MAX_COUNT = 20;

/** Tells who is nearest to a place on the map. */
export function NearestTool({ dashboard }: { dashboard: Dashboard }) {
  const [search] = useState(() => searchOf(dashboard));
  // The first click may come before the next frame.
  useLayoutEffect(() => {
    const endPicking = pickPlaces(dashboard, { place: (place) => search.from(place) });
    const endDrawing = drawNearest(dashboard, search);
    return () => {
      endPicking();
      endDrawing();
      search.close();
    };
  }, [dashboard, search]);
  const { maxRadiusMeters } = dashboard.settings;
  const radii = [...RADII.filter((radius) => radius < maxRadiusMeters), maxRadiusMeters];
  return (
    <>
      <div class="nearest-question">
        <label>
          How many
          <input
            class="field number"
            type="number"
            min={1}
            max={MAX_COUNT}
            value={search.count.value}
            onInput={({ currentTarget }) => {
              const count = Math.round(currentTarget.valueAsNumber);
              if (count >= 1 && count <= MAX_COUNT) search.count.value = count;
            }}
            // What cannot be asked is not left there.
            onBlur={({ currentTarget }) => {
              currentTarget.value = String(search.count.value);
            }}
          />
        </label>
        <label>
          Within
          <select
            class="field"
            value={search.radius.value}
            onChange={({ currentTarget }) => {
              search.radius.value = Number(currentTarget.value);
            }}
          >
            {radii.map((radius) => (
              <option key={radius} value={radius}>
                {radius < 1000 ? `${radius} m` : `${radius / 1000} km`}
              </option>
            ))}
          </select>
        </label>
      </div>
      <Answer dashboard={dashboard} search={search} />
    </>
  );
}

function searchOf(dashboard: Dashboard): NearestSearch {
  const search = new NearestSearch({
    client: dashboard.session.client,
    where: dashboard.where,
    page: document,
    failed: (error) => dashboard.failed(error),
  });
  search.radius.value = Math.min(search.radius.value, dashboard.settings.maxRadiusMeters);
  return search;
}

function Answer({ dashboard, search }: { dashboard: Dashboard; search: NearestSearch }) {
  const answer = search.answer.value;
  if (search.point.value === undefined) {
    return (
      <p class="muted">
        {dashboard.aiming.value
          ? 'Move the map with the arrows, and press Enter for the place.'
          : 'Click on the map: who is nearest to there?'}
      </p>
    );
  }
  if (answer === undefined) {
    return <p class="muted">{search.problem.value === undefined ? 'Asking…' : 'That cannot be asked now.'}</p>;
  }
  const isFiltered = Object.keys(dashboard.where.value).length > 0;
  if (answer.drivers.length === 0) {
    return (
      <p role="status">
        Nobody{isFiltered && ' with these attributes'} within {formatDistance(search.radius.value)}.
      </p>
    );
  }
  return (
    <ol class="nearest-list" aria-label="Nearest first">
      {answer.drivers.map((position) => (
        <li key={position.driverId}>
          <button type="button" class="row" onClick={() => void dashboard.find(position.driverId)}>
            <Swatch index={dashboard.facets.colourOf(position.attributes)} />
            <span class="row-id">{position.driverId}</span>
            <span class="number nearest-distance">
              {formatDistance(position.distance)}
              <span class="muted"> · {formatDuration(answer.serverTime - position.timestamp)} ago</span>
            </span>
          </button>
        </li>
      ))}
    </ol>
  );
}

/** @returns what ends it */
function drawNearest(dashboard: Dashboard, search: NearestSearch): () => void {
  const { base, markers } = dashboard;
  const overlay = new Overlay(base, 'nearest', (theme) => {
    const ink = theme === 'dark' ? '#e9eef4' : '#10161f';
    const paper = theme === 'dark' ? '#0c1015' : '#ffffff';
    const colour = theme === 'dark' ? '#62adff' : '#0a63c9';
    return [
      {
        id: 'nearest-line',
        type: 'line',
        filter: ['==', ['geometry-type'], 'LineString'],
        layout: { 'line-cap': 'round' },
        paint: { 'line-color': colour, 'line-width': 2 },
      },
      {
        id: 'nearest-point',
        type: 'circle',
        filter: ['has', 'here'],
        paint: {
          'circle-radius': 7,
          'circle-color': colour,
          'circle-stroke-color': paper,
          'circle-stroke-width': 3,
        },
      },
      {
        id: 'nearest-unseen',
        type: 'circle',
        filter: ['has', 'unseen'],
        paint: { 'circle-radius': 5, 'circle-color': paper, 'circle-stroke-color': colour, 'circle-stroke-width': 2 },
      },
      {
        id: 'nearest-distance',
        type: 'symbol',
        filter: ['has', 'label'],
        layout: {
          'text-field': ['get', 'label'],
          'text-size': 12,
          'text-variable-anchor': ['bottom', 'top', 'right', 'left'],
          'text-radial-offset': 1.1,
          'text-padding': 1,
        },
        paint: { 'text-color': ink, 'text-halo-color': paper, 'text-halo-width': 2 },
      },
    ];
  });
  const shape = () => nearestShape(search.point.peek(), search.answer.peek(), (driverId) => markers.drawn(driverId));
  const along = alongDrivers(base.map, shape, (drawn) => overlay.set(drawn));
  const endEffect = effect(() => {
    void search.point.value;
    void search.answer.value;
    along.draw();
  });
  return () => {
    endEffect();
    along.end();
    overlay.remove();
  };
}
