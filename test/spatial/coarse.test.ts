import { cellToBoundary, cellToLatLng, getPentagons, getRes0Cells, latLngToCell } from 'h3-js';
import { expect, test } from 'vitest';
import { coarsened, coarseReach } from '../../src/spatial/coarse.ts';
import { type Place, trueDistance } from '../support/geodesic.ts';
import { seeded } from '../support/random.ts';

test('no place is further from where it is told than the reach of its resolution, and some are nearly as far', () => {
  const random = seeded('coarse');
  for (let resolution = 0; resolution <= 15; resolution++) {
    let most = 0;
    const look = ([lat, lng]: Place) => {
      const told = coarsened(lat, lng, resolution);
      expect(told).toEqual(cellToLatLng(latLngToCell(lat, lng, resolution)));
      most = Math.max(most, trueDistance(lat, lng, ...told));
    };
    for (let n = 0; n < 400; n++) {
      const place: Place = [(Math.asin(random.between(-1, 1)) * 180) / Math.PI, random.between(-180, 180)];
      look(place);
      // Nowhere is further from a cell's centre than its corners.
      for (const corner of cellToBoundary(latLngToCell(...place, resolution))) look(corner as Place);
    }
    for (const cell of [...getPentagons(resolution), ...getRes0Cells()]) {
      for (const corner of cellToBoundary(cell)) look(corner as Place);
    }
    expect(most).toBeLessThanOrEqual(coarseReach(resolution));
    expect(most).toBeGreaterThan(0.6 * coarseReach(resolution));
  }
});
