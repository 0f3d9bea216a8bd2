import { expect, test } from 'vitest';
import { shareSight } from '../../src/auth/share-sight.ts';
import { Circle } from '../../src/geo/circle.ts';
import { destination, trueDistance } from '../support/geodesic.ts';
import { seeded } from '../support/random.ts';

const here = new Circle(30, -97, 1000);

test('a share of a driver shows that one, within what its maker sees', () => {
  expect(shareSight({ fleet: 'f' }, { driverId: 'd' })).toEqual({ fleet: 'f', driverId: 'd' });
  expect(shareSight({ fleet: 'f', bounds: here, precision: 7 }, { driverId: 'd' })).toEqual({
    fleet: 'f',
    bounds: here,
    precision: 7,
    driverId: 'd',
  });
});

test('a share of a circle shows that circle, as coarsely as its maker sees it', () => {
  const small = new Circle(30.001, -97, 100);
  expect(shareSight({ fleet: 'f' }, { circle: here })).toEqual({ fleet: 'f', bounds: here });
  expect(shareSight({ fleet: 'f', bounds: here, precision: 0 }, { circle: small })).toEqual({
    fleet: 'f',
    bounds: small,
    precision: 0,
  });
  // Its own bounds, whole.
  expect(shareSight({ fleet: 'f', bounds: here }, { circle: new Circle(30, -97, 1000) }).bounds?.radius).toBe(1000);
});

test('a circle that has a point outside of its maker’s bounds is refused, and no other', () => {
  const random = seeded('circles within circles');
  const seen = { inside: 0, outside: 0 };
  for (let i = 0; i < 4_000; i++) {
    const [lat, lng] = random.place();
    const radius = 10 ** random.between(0, 6.3);
    const inner = radius * random.next();
    const azimuth = random.between(-180, 180);
    // About the rim, mostly; at times by a millimetre.
    const apart = Math.max(0, (radius - inner) * random.between(0.9, 1.1) + random.pick([0, 0.001, -0.001]));
    const [a, b] = destination([lat, lng], azimuth, apart);
    // The point of the inner circle that is furthest out: straight on.
    const furthest = destination([lat, lng], azimuth, apart + inner);
    const reach = trueDistance(lat, lng, ...furthest);
    // Beyond this GeographicLib and the millimetre that `distance` promises may disagree.
    if (Math.abs(reach - radius) < 0.002) continue;
    const share = () =>
      shareSight({ fleet: 'f', bounds: new Circle(lat, lng, radius) }, { circle: new Circle(a, b, inner) });
    if (reach > radius) {
      seen.outside++;
      expect(share, `${lat} ${lng} ${radius} ⊉ ${a} ${b} ${inner}`).toThrow(/must lie within the area/);
    } else {
      seen.inside++;
      expect(share().bounds, `${lat} ${lng} ${radius} ⊇ ${a} ${b} ${inner}`).toMatchObject({ lat: a, lng: b });
    }
  }
  expect(Math.min(seen.inside, seen.outside)).toBeGreaterThan(500);
});

test('bounds that hold the whole planet hold every circle', () => {
  const planet = { fleet: 'f', bounds: new Circle(0, 0, 20_003_932) };
  expect(shareSight(planet, { circle: new Circle(0, 180, 100_000) }).bounds?.lng).toBe(180);
});
