import 'maplibre-gl/dist/maplibre-gl.css';
import './base-map.css';
import { type ReadonlySignal, signal } from '@preact/signals';
import {
  type GeoJSONSource,
  Map as MapLibreMap,
  ScaleControl,
  type StyleSpecification,
  setWorkerUrl,
} from 'maplibre-gl';
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?url';
import { tabStorage } from '../session/storage.ts';
import { backgroundStyle, LOCAL_FONT, OUTLINES } from './background.ts';
import { Graticule } from './graticule.ts';
import { fetchStyle } from './map-style.ts';
import { naturalEarth } from './natural-earth.ts';
import { ABOVE_DRIVERS, BELOW_DRIVERS } from './order.ts';
import { StyleFailure } from './style-failure.ts';
import { textFontOf } from './text-font.ts';
import type { Theme } from './theme.ts';

setWorkerUrl(new URL(workerUrl, location.href).href);

/** How long a style may take before the background gets its outlines meanwhile, milliseconds. */
const PATIENCE = 1_000;
/** Some centimetres to a pixel; no fix is as exact. */
const MAX_ZOOM = 20;
/** The width of the world at zoom 0, pixels. */
const WORLD = 512;
/** A style, and whose it is. */
interface Given {
  readonly kind: 'style' | 'background';
  readonly theme: Theme;
  readonly style: StyleSpecification;
}
/** What is done to the map whenever it has another style. */
type Add = (map: MapLibreMap, theme: Theme) => void;

/** Where the style of the base map is, for each theme. */
export interface MapStyle {
  readonly light: string;
  readonly dark: string;
}

/**
 * A map, north up, flat, Web Mercator, with a style from elsewhere or, without one, with the bundled background: never
 * blank, and asking no other server for anything unless a style is set. It goes on over the antimeridian, but shows one
 * world at most: see `bboxOf`.
 */
export class BaseMap {
  readonly map: MapLibreMap;
  readonly shows: ReadonlySignal<'loading' | 'style' | 'background'>;
  readonly #shows;
  readonly #mapStyle: MapStyle | null;
  readonly #graticule: Graticule;
  readonly #failure: StyleFailure;
  readonly #adds = new Set<{ add: Add }>();
  #theme: Theme;
  /** What was given to the map last. */
  #given: Given;
  /** That style is in place. */
  #isReady = false;
  #request: AbortController | undefined;
  #patience: ReturnType<typeof setTimeout> | undefined;
  #wantsOutlines = false;

  constructor(options: {
    container: HTMLElement;
    center: [lng: number, lat: number];
    zoom: number;
    theme: Theme;
    mapStyle: MapStyle | null;
  }) {
    const { container, center, zoom, theme, mapStyle } = options;
    this.#theme = theme;
    this.#mapStyle = mapStyle;
    this.#failure = new StyleFailure(JSON.stringify(mapStyle), tabStorage, Date.now);
    this.#shows = signal<'loading' | 'style' | 'background'>('loading');
    this.shows = this.#shows;
    container.classList.add('nearcast-map');
    this.#given = background(theme);
    this.map = new MapLibreMap({
      container,
      center,
      zoom,
      style: this.#given.style,
      minZoom: zoomOfWorld(container),
      maxZoom: MAX_ZOOM,
      maxPitch: 0,
      dragRotate: false,
      pitchWithRotate: false,
      touchPitch: false,
      attributionControl: { compact: true },
      locale: { 'Map.Title': 'Map of drivers' },
    });
    this.map.keyboard.disableRotation();
    this.map.touchZoomRotate.disableRotation();
    this.map.addControl(new ScaleControl({ unit: 'metric', maxWidth: 110 }));
    // Heard, so that a tile, a glyph or a sprite that does not come is no uncaught error: the rest is drawn.
    this.map.on('error', () => {});
    this.map.on('style.load', this.#styleLoaded);
    // The machine took the graphics away and gave them back: MapLibre would bring what was there but for custom layers.
    this.map.on('webglcontextlost', () => this.#notReady());
    this.map.on('webglcontextrestored', () => this.#give(this.#given));
    this.map.on('resize', () => this.map.setMinZoom(zoomOfWorld(container)));
    this.#graticule = new Graticule(this.map);
    addEventListener('online', this.#retry);
    if (this.#failure.mayAsk) this.#choose();
    else this.#fallBack();
  }

  /** A text-font that the present style can draw. */
  get font(): string[] {
    return this.#given.kind === 'style' ? textFontOf(this.#given.style) : LOCAL_FONT;
  }

  /** Changes the theme: the background at once, a style as soon as it is there. */
  setTheme(theme: Theme): void {
    if (theme === this.#theme) return;
    this.#theme = theme;
    if (this.#given.kind === 'background') this.#give(background(theme));
    if (this.#failure.mayAsk) this.#choose();
    else this.#fallBack();
  }

  /**
   * Called with the map whenever a style is in place, which has nothing but its own then: add sources and layers here
   * (see order.ts). Called at once when one is. Returns what ends it.
   */
  onStyle(add: Add): () => void {
    const own = { add };
    this.#adds.add(own);
    if (this.#isReady) this.#call(add);
    return () => void this.#adds.delete(own);
  }

  /** Takes the map out of the page. */
  remove(): void {
    removeEventListener('online', this.#retry);
    this.#request?.abort();
    clearTimeout(this.#patience);
    this.#adds.clear();
    this.#isReady = false;
    this.#graticule.remove();
    this.map.remove();
  }

  /** Asks for the theme's style, where there is one and there is a network. */
  async #choose(): Promise<void> {
    this.#request?.abort();
    clearTimeout(this.#patience);
    if (this.#mapStyle === null || navigator.onLine === false) {
      this.#fallBack();
      return;
    }
    const request = new AbortController();
    this.#request = request;
    const theme = this.#theme;
    this.#patience = setTimeout(() => this.#wantOutlines(), PATIENCE);
    try {
      const style = await fetchStyle(this.#mapStyle[theme], request.signal);
      if (!request.signal.aborted) this.#give({ kind: 'style', theme, style });
    } catch {
      if (!request.signal.aborted) this.#fail();
    }
  }

  readonly #retry = (): void => {
    if (this.#given.kind !== 'background') return;
    // They may not have come either.
    if (this.#wantsOutlines && this.#isReady) this.#drawOutlines();
    if (this.#failure.mayAsk) this.#choose();
  };

  #fail(): void {
    this.#failure.remember();
    this.#fallBack();
  }

  #fallBack(): void {
    clearTimeout(this.#patience);
    this.#wantOutlines();
    if (this.#given.kind !== 'background' || this.#given.theme !== this.#theme) this.#give(background(this.#theme));
    this.#shows.value = 'background';
  }

  /** Hands a style to the map, which has it in place one frame later. */
  #give(given: Given): void {
    this.#given = given;
    this.#notReady();
    this.map.setStyle(given.style, { diff: false });
    if (given.kind === 'background') return;
    // What MapLibre finds wrong in a style it tells in errors, or not at all; then that style is in no frame.
    requestAnimationFrame(() =>
      requestAnimationFrame(() => {
        if (this.#given === given && !this.#isReady) this.#fail();
      }),
    );
  }

  #notReady(): void {
    this.#isReady = false;
    this.#graticule.hide();
  }

  readonly #styleLoaded = (): void => {
    this.#isReady = true;
    for (const id of [BELOW_DRIVERS, ABOVE_DRIVERS])
      this.map.addLayer({ id, type: 'background', layout: { visibility: 'none' } });
    if (this.#given.kind === 'style') {
      clearTimeout(this.#patience);
      this.#failure.forget();
      this.#shows.value = 'style';
    } else {
      this.#graticule.show();
      if (this.#wantsOutlines) this.#drawOutlines();
    }
    for (const { add } of this.#adds) this.#call(add);
  };

  #call(add: Add): void {
    try {
      add(this.map, this.#given.theme);
    } catch (error) {
      // Thrown into MapLibre it would be lost, and keep the others from theirs.
      reportError(error);
    }
  }

  #wantOutlines(): void {
    if (this.#wantsOutlines) return;
    this.#wantsOutlines = true;
    if (this.#isReady) this.#drawOutlines();
  }

  async #drawOutlines(): Promise<void> {
    const given = this.#given;
    const outlines = await naturalEarth();
    if (outlines === undefined || this.#given !== given || !this.#isReady) return;
    this.map.getSource<GeoJSONSource>(OUTLINES)?.setData(outlines);
  }
}

function background(theme: Theme): Given {
  return { kind: 'background', theme, style: backgroundStyle(theme) };
}

/** The zoom at which the world is as wide as the map. */
function zoomOfWorld(container: HTMLElement): number {
  return Math.max(0, Math.log2(container.clientWidth / WORLD));
}
