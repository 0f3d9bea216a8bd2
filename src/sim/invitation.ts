import type { Streets } from './streets.ts';

/** Metres that a pixel shows at zoom 0 on the equator, with tiles of 512 pixels. */
const METRES_A_PIXEL = 78_271.517;
/** A map of so many pixels is to show the most of the city. */
const PIXELS = 800;

/** What the invitation tells of. */
export interface InvitationSettings {
  /** Of the server, `http://…`. */
  readonly url: string;
  readonly streets: Streets;
  /** Tokens of one who watches all, of a driver, and of a rider. */
  readonly tokens: { readonly demo: string; readonly driver: string; readonly rider: string };
}

/** The link that shows the city in a browser. */
export function demoLink({ url, streets, tokens }: InvitationSettings): string {
  return `${url}/#token=${tokens.demo}&at=${lookAt(streets)}`;
}

/** What is printed once the demo runs: the link alone first, then what else there is to try. */
export function invitation(settings: InvitationSettings): string {
  const { url, streets, tokens } = settings;
  const { lat, lng } = streets.centre;
  const circle = `latitude=${degrees(lat)}&longitude=${degrees(lng)}&radius=1000`;
  const header = '-H "Authorization: Bearer $TOKEN"';
  return `
  Open  ${demoLink(settings)}

Be one of the drivers, or a rider who looks for one:

  ${url}/driver#token=${tokens.driver}
  ${url}/rider#token=${tokens.rider}&at=${lookAt(streets)}

In a terminal: who is near the centre, and whatever moves there.

  export TOKEN=${tokens.demo}
  curl '${url}/v1/drivers/nearby?${circle}' ${header}
  curl -N '${url}/v1/stream?${circle}' ${header}

The API: ${url}/docs
Ctrl-C ends the demo.
`;
}

/** Where the map looks, as latitude, longitude and zoom: most of the city. */
function lookAt({ centre: { lat, lng }, radius }: Streets): string {
  const zoom = Math.log2((METRES_A_PIXEL * Math.cos((lat * Math.PI) / 180) * PIXELS) / radius);
  return `${degrees(lat)},${degrees(lng)},${Math.min(18, Math.max(2, Math.round(zoom * 10) / 10))}`;
}

/** To a metre, and short. */
function degrees(value: number): number {
  return Math.round(value * 1e5) / 1e5;
}
