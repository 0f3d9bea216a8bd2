import type { FeatureCollection, GeoJSON } from 'geojson';
import type { DistributiveOmit, GeoJSONSource, LayerSpecification, Map as MapLibreMap } from 'maplibre-gl';
import type { BaseMap } from './base-map.ts';
import { BELOW_DRIVERS } from './order.ts';
import type { Theme } from './theme.ts';

/** A layer as MapLibre's style has it; its source is the overlay's. Texts without a font get one that can be drawn. */
export type OverlayLayer = DistributiveOmit<LayerSpecification, 'source'>;

const NOTHING: FeatureCollection = { type: 'FeatureCollection', features: [] };

/**
 * GeoJSON of one's own on a map, through every change of its style. Areas, lines and circles are drawn over the base map
 * and below the drivers, texts and icons above them; overlays made later over those made earlier.
 */
export class Overlay {
  readonly #id: string;
  readonly #baseMap: BaseMap;
  readonly #layers: (theme: Theme) => readonly OverlayLayer[];
  readonly #end: () => void;
  #data: GeoJSON = NOTHING;

  /**
   * @param id of the source; the layers' own ids must be nobody else's either
   * @param layers lowest first; as a function they follow the theme
   */
  constructor(
    baseMap: BaseMap,
    id: string,
    layers: readonly OverlayLayer[] | ((theme: Theme) => readonly OverlayLayer[]),
  ) {
    this.#id = id;
    this.#baseMap = baseMap;
    this.#layers = typeof layers === 'function' ? layers : () => layers;
    this.#end = baseMap.onStyle((map, theme) => this.#add(map, theme));
  }

  /** Draws this from now on; undefined is nothing. */
  set(data: GeoJSON | undefined): void {
    this.#data = data ?? NOTHING;
    // Until a style is in place there is no source: it gets these data when it comes.
    this.#baseMap.map.getSource<GeoJSONSource>(this.#id)?.setData(this.#data);
  }

  /** Takes it off the map. */
  remove(): void {
    this.#end();
    const { map } = this.#baseMap;
    if (map.getSource(this.#id) === undefined) return;
    for (const { id } of this.#layers('light')) if (map.getLayer(id) !== undefined) map.removeLayer(id);
    map.removeSource(this.#id);
  }

  #add(map: MapLibreMap, theme: Theme): void {
    map.addSource(this.#id, { type: 'geojson', data: this.#data });
    for (const layer of this.#layers(theme)) {
      const own = { ...layer, source: this.#id } as LayerSpecification;
      if (own.type === 'symbol') own.layout = { 'text-font': this.#baseMap.font, ...own.layout };
      map.addLayer(own, own.type === 'symbol' ? undefined : BELOW_DRIVERS);
    }
  }
}
