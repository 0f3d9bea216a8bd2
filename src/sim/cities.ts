import { type CitySettings, MANHATTAN } from './city.ts';

/**
 * Cities with a street grid, laid out like the real ones. Sizes of blocks, measured from the middle of a street to that
 * of the next, are those of the plans named (1 ft = 0.3048 m, 1 chain = 66 ft); bearings and centres were taken from the
 * coordinates of well-known crossings, to about a degree and 100 m. Radii keep drivers out of lakes and seas.
 */
export const CITIES: Readonly<Record<string, CitySettings>> = {
  // Commissioners' Plan, 1811: 264 ft from street to street, avenues up to 920 ft apart.
  'New York': MANHATTAN,
  // Cerdà's Eixample, 1859: squares of 113.3 m with streets of 20 m, turned by 45°. Centre: Diagonal, Passeig de Gràcia.
  Barcelona: { lat: 41.395, lng: 2.1615, bearing: 45, blockLength: 133, blockWidth: 133, radius: 2400 },
  // A mile has 8 blocks one way and 16 the other: 660 ft by 330 ft. Centre: Madison Street, Western Avenue.
  Chicago: { lat: 41.8812, lng: -87.6867, bearing: 0, blockLength: 201, blockWidth: 101, radius: 4000 },
  // The Sunset: blocks of 600 ft by 240 ft with streets of 68 ft to 70 ft. Centre: Noriega Street, 25th Avenue.
  'San Francisco': { lat: 37.7537, lng: -122.4837, bearing: -3, blockLength: 204, blockWidth: 95, radius: 1900 },
  // Holme's plan for Penn, 1683, turned by 10°; blocks of about 400 ft by 500 ft. Centre: City Hall.
  Philadelphia: {
    lat: 39.9524,
    lng: -75.1636,
    bearing: 10,
    blockLength: 150,
    blockWidth: 130,
    radius: 3000,
    width: 3400,
  },
  // Blocks of 200 ft with streets of 60 ft, the smallest of a large American city. Centre: Hawthorne Boulevard.
  Portland: { lat: 45.512, lng: -122.635, bearing: 0, blockLength: 79, blockWidth: 79, radius: 2300 },
  // The Plat of Zion, 1833: squares of 660 ft with streets of 132 ft. Centre: State Street, 900 South.
  'Salt Lake City': { lat: 40.7499, lng: -111.8882, bearing: 0, blockLength: 241, blockWidth: 241, radius: 4000 },
  // Waller's plan, 1839: squares of 276 ft with streets of 80 ft, turned by 18°. Centre: the Capitol.
  Austin: { lat: 30.2747, lng: -97.7404, bearing: 18, blockLength: 109, blockWidth: 109, radius: 1500 },
  // Old town and concessions follow the shore of the lake, turned by 16° to the west. Centre: Yonge Street, Bloor Street.
  Toronto: { lat: 43.6709, lng: -79.3857, bearing: -16, blockLength: 105, blockWidth: 200, radius: 3000 },
  // Cuadras of 150 varas (130 m). Centre: Plaza Miserere.
  'Buenos Aires': { lat: -34.6098, lng: -58.4063, bearing: 5, blockLength: 130, blockWidth: 130, radius: 2800 },
  // Hoddle's grid, 1837: squares of 10 chains, halved by little streets, with streets of 1.5 chains. Centre: Bourke Street.
  Melbourne: { lat: -37.8136, lng: 144.9631, bearing: -20, blockLength: 116, blockWidth: 231, radius: 1000 },
  // Light's plan, 1837: a square mile amid parks; the main streets halved by lesser ones. Centre: Victoria Square.
  Adelaide: { lat: -34.9285, lng: 138.6, bearing: 0, blockLength: 130, blockWidth: 160, radius: 1000 },
  // Heian-kyō, 794: squares of 40 jō (120 m) with streets of 4 jō, halved in 1590. Centre: Karasuma, Oike.
  Kyoto: { lat: 35.011, lng: 135.7596, bearing: 0, blockLength: 132, blockWidth: 66, radius: 2500 },
  // The Roman colony, grown ever after along its streets, turned by 26°; blocks of about 80 m. Centre: Piazza San Carlo.
  Turin: { lat: 45.0678, lng: 7.6825, bearing: 26, blockLength: 85, blockWidth: 85, radius: 1300 },
};

/** The settings of a city that is only known by its centre: squares of 120 m, for 3 km around, turned by nothing. */
export const ANYWHERE: Omit<CitySettings, 'lat' | 'lng'> = {
  bearing: 0,
  blockLength: 120,
  blockWidth: 120,
  radius: 3000,
};

/**
 * The city that a name means: case, accents, spaces and the rest of the name may be left out.
 *
 * @returns undefined when it means none, or more than one
 */
export function cityNamed(name: string): CitySettings | undefined {
  const wanted = plain(name);
  if (wanted === '') return undefined;
  const names = Object.keys(CITIES);
  const exact = names.filter((city) => plain(city) === wanted);
  const begun = names.filter((city) => plain(city).startsWith(wanted));
  const held = names.filter((city) => plain(city).includes(wanted));
  const [found, other] = [exact, begun, held].find(({ length }) => length > 0) ?? [];
  return found === undefined || other !== undefined ? undefined : CITIES[found];
}

function plain(name: string): string {
  return name
    .normalize('NFD')
    .replace(/[^\p{Letter}\p{Number}]/gu, '')
    .toLowerCase();
}
