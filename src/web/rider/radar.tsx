import { LISTED } from './driver-list.tsx';
import type { Near } from './nearest.ts';
import { radiusName } from './radius.ts';

/** Units of the drawing from its centre to the rim. */
const RIM = 100;
/** Of the radius. */
const RINGS = [0.5, 1];
/** More could not be told apart; those beyond are the farthest. */
const DRAWN = 200;

/** Where they are around the rider, north up. Whoever hears the page has the list. */
export function Radar({ drivers, radius }: { drivers: readonly Near[]; radius: number }) {
  const scale = RIM / radius;
  return (
    <svg class="radar" viewBox="-112 -112 224 224" role="img" aria-label="Where the drivers of the list are around you">
      {RINGS.map((part) => (
        <circle key={part} class="ring" r={RIM * part} />
      ))}
      <path class="ring" d="M0-100V100M-100 0H100" />
      <text class="mark north" y={-104}>
        N
      </text>
      {drivers
        .slice(0, DRAWN)
        .map((near, index) => <Mark key={near.position.driverId} near={near} isListed={index < LISTED} scale={scale} />)
        .reverse()}
      {RINGS.map((part) => (
        <text key={part} class="mark" y={RIM * part + 3}>
          {radiusName(radius * part)}
        </text>
      ))}
      <circle class="me" r="5" />
    </svg>
  );
}

function Mark({ near: { position, east, north }, isListed, scale }: { near: Near; isListed: boolean; scale: number }) {
  const { heading, attributes } = position;
  const transform = `translate(${(east * scale).toFixed(2)}px, ${(-north * scale).toFixed(2)}px)`;
  const tone = attributes?.status === 'busy' ? 'busy' : '';
  return (
    // It glides by the style sheet.
    <g class={`mark-driver ${isListed ? 'listed' : ''} ${tone}`} style={{ transform }}>
      {heading === undefined ? (
        <circle r="3.5" />
      ) : (
        <path d="M0-6.5 4.5 5.5 0 3-4.5 5.5Z" transform={`rotate(${Math.round(heading)})`} />
      )}
    </g>
  );
}
