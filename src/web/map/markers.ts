import type { CustomLayerInterface, CustomRenderMethodInput, Map as MapLibre } from 'maplibre-gl';
import type { Position } from '../../client/index.ts';
import { SILENT_TIME } from '../session/silence.ts';
import { MarkersCamera } from './markers-camera.ts';
import { LONGEST_GLIDE } from './markers-glide.ts';
import { latOf, lngOf, southOf, WORLD } from './markers-mercator.ts';
import { MarkerPool } from './markers-pool.ts';
import { MarkersProgram } from './markers-program.ts';
import { MARKERS_THEMES, type MarkersTheme, markerSize, rgb } from './markers-theme.ts';
import { PALETTE } from './palette.ts';
import type { Theme } from './theme.ts';

/** Milliseconds without a word from which on a driver fades, and when it is grey. */
const SILENCE = [SILENT_TIME, SILENT_TIME + 10_000] as const;
/** Milliseconds between two looks whether a driver fades, or a clock that stood still goes on. */
const LOOKS = 500;
const TILE_SIZE = 512;

/**
 * The drivers on the map, drawn by its engine: thousands that glide, of which only those that are told of anew cost the
 * page anything; the graphics card moves all of them. Who has not been heard of for a minute fades to grey.
 *
 * Of a driver across the antimeridian the copy nearest to the middle of the map is drawn. For Web Mercator alone.
 */
export class Markers implements CustomLayerInterface {
  readonly id = 'drivers';
  readonly type = 'custom';
  readonly renderingMode = '2d';
  readonly #now: () => number;
  readonly #pool = new MarkerPool();
  readonly #camera = new MarkersCamera();
  readonly #palette = PALETTE.map(rgb);
  readonly #stillness = matchMedia('(prefers-reduced-motion: reduce)');
  #theme: MarkersTheme = MARKERS_THEMES.light;
  #map: MapLibre | undefined;
  #program: MarkersProgram | undefined;
  #selected: string | undefined;
  #look: ReturnType<typeof setInterval> | undefined;
  #drawnAt = Number.NaN;
  #glidesUntil = Number.NEGATIVE_INFINITY;

  /** @param options.now the clock that positions are received by, epoch milliseconds: the server's, or a replay's, which may stand still and go back */
  constructor(options: { now: () => number }) {
    this.#now = options.now;
  }

  get size(): number {
    return this.#pool.size;
  }

  /** Puts a driver or moves it; a known one glides from where it is drawn, in about the time that it took to be heard of again. */
  put(position: Position, colour: number): void {
    const now = this.#now();
    const duration = this.#pool.put(position, colour, now, !this.#stillness.matches);
    if (now + duration > this.#glidesUntil) this.#glidesUntil = now + duration;
    this.#map?.triggerRepaint();
  }

  /** Has a driver be grey and hollow where it was last seen, until it is put again. */
  ghost(driverId: string): void {
    if (this.#pool.ghost(driverId)) this.#map?.triggerRepaint();
  }

  remove(driverId: string): void {
    if (this.#pool.remove(driverId)) this.#map?.triggerRepaint();
  }

  clear(): void {
    this.#pool.clear();
    this.#map?.triggerRepaint();
  }

  /** Recolours all. @param of the index into the palette */
  recolour(of: (driverId: string) => number): void {
    this.#pool.recolour(of);
    this.#map?.triggerRepaint();
  }

  setTheme(theme: Theme): void {
    this.#theme = MARKERS_THEMES[theme];
    this.#map?.triggerRepaint();
  }

  /** Has one driver, or none, have a halo and be above the others; it need not be there yet. */
  select(driverId: string | undefined): void {
    this.#selected = driverId;
    this.#map?.triggerRepaint();
  }

  /** The driver drawn nearest to a point of the canvas (CSS pixels), within `reach` pixels. */
  at(point: { x: number; y: number }, reach: number): string | undefined {
    if (Number.isNaN(this.#drawnAt)) return undefined;
    let nearest: number | undefined;
    let least = reach * reach;
    for (let slot = 0; slot < this.#pool.size; slot++) {
      const { east, south } = this.#pool.drawn(slot, this.#drawnAt);
      const distance = this.#camera.squaredDistance(east, south, point.x, point.y);
      if (distance > least) continue;
      least = distance;
      nearest = slot;
    }
    return nearest === undefined ? undefined : this.#pool.idOf(nearest);
  }

  /** Where a driver is drawn now, degrees, and its heading. */
  drawn(driverId: string): { lat: number; lng: number; heading: number | undefined } | undefined {
    const slot = this.#pool.slotOf(driverId);
    if (slot === undefined) return undefined;
    const { east, south, heading } = this.#pool.drawn(slot, this.#now());
    return { lat: latOf(south), lng: lngOf(east), heading: Number.isNaN(heading) ? undefined : heading };
  }

  /** Called by the map: when it is added, and again after each change of style and after a context was lost. */
  onAdd(map: MapLibre, gl: WebGL2RenderingContext): void {
    // A style that is replaced does not remove its layers, and the card has all that it needs still.
    this.#leave();
    if (this.#program?.gl !== gl) this.#program = new MarkersProgram(gl, this.#pool);
    this.#map = map;
    this.#look = setInterval(() => this.#repaintIfAged(), LOOKS);
    map.on('remove', this.#leave);
    map.on('webglcontextlost', this.#forget);
    map.on('webglcontextrestored', this.#onRestored);
  }

  /** Called by the map. */
  onRemove(): void {
    this.#forget();
    this.#leave();
  }

  /** Called by the map for each frame. */
  render(gl: WebGL2RenderingContext, { modelViewProjectionMatrix }: CustomRenderMethodInput): void {
    const map = this.#map;
    if (map === undefined || this.#program === undefined) return;
    const now = this.#now();
    this.#pool.follow(now);
    const wasDrawnAt = this.#drawnAt;
    this.#drawnAt = now;
    const { lng, lat } = map.getCenter();
    const { clientWidth, clientHeight } = map.getCanvas();
    const zoom = map.getZoom();
    this.#camera.look(
      modelViewProjectionMatrix,
      lng / 360 + 0.5,
      southOf(lat) / WORLD,
      TILE_SIZE * 2 ** zoom,
      clientWidth,
      clientHeight,
    );
    if (this.#pool.size === 0) return;
    this.#program.draw({
      camera: this.#camera,
      theme: this.#theme,
      palette: this.#palette,
      now,
      silence: SILENCE,
      bearing: map.getBearing(),
      size: markerSize(zoom, this.#pool.size),
      pixelRatio: gl.drawingBufferWidth / Math.max(1, clientWidth),
      selected: this.#selected === undefined ? undefined : this.#pool.slotOf(this.#selected),
    });
    // Glides begun before the clock was wound back are over.
    if (this.#glidesUntil > now + 2 * LONGEST_GLIDE) this.#glidesUntil = now;
    if (now < this.#glidesUntil && now !== wasDrawnAt) map.triggerRepaint();
  }

  /** Between frames that glides ask for: fades, and a clock that was moved. */
  #repaintIfAged(): void {
    const now = this.#now();
    if (now === this.#drawnAt || Number.isNaN(this.#drawnAt)) return;
    const isFading = this.#pool.hasFaded(this.#drawnAt, now, ...SILENCE);
    if (isFading || this.#glidesUntil > Math.min(now, this.#drawnAt)) this.#map?.triggerRepaint();
  }

  #forget = () => {
    this.#program?.delete();
    this.#program = undefined;
  };

  /** MapLibre brings back its own layers, not those of others. */
  #onRestored = () => {
    const map = this.#map;
    map?.once('style.load', () => {
      if (map.getLayer(this.id) === undefined) map.addLayer(this);
    });
  };

  #leave = () => {
    clearInterval(this.#look);
    this.#map?.off('remove', this.#leave);
    this.#map?.off('webglcontextlost', this.#forget);
    this.#map?.off('webglcontextrestored', this.#onRestored);
    this.#map = undefined;
  };
}
