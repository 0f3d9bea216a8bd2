import { PALETTE } from '../map/palette.ts';

/** A dot of a driver’s colour on the map; without an index that of one who is silent. */
export function Swatch({ index }: { index: number | undefined }) {
  const background = index === undefined ? undefined : PALETTE[index];
  return <span class={`swatch${index === undefined ? ' hollow' : ''}`} style={{ background }} aria-hidden="true" />;
}
