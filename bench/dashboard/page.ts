import { type LayerSpecification, Map as MapLibre, setWorkerUrl } from 'maplibre-gl';
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?url';
import 'maplibre-gl/dist/maplibre-gl.css';
import type { Position } from '../../src/client/index.ts';
import { Cells } from '../../src/web/map/cells.ts';
import { Markers } from '../../src/web/map/markers.ts';
import { BELOW_DRIVERS } from '../../src/web/map/order.ts';

setWorkerUrl(new URL(workerUrl, location.href).href);

/** Metres of a degree of latitude, near enough for drivers that only have to move. */
const DEGREE = 111_320;

/**
 * A map with nothing but drivers on it, for the bench and for tests in a browser: they have it as `stage`.
 */
export class Stage {
  readonly map: MapLibre;
  readonly markers: Markers;
  readonly cells: Cells;
  readonly font = ['sans-serif'];
  #clock: number | undefined;
  #addAll: (() => void)[] = [];
  #moving: number | undefined;

  constructor(center: [lng: number, lat: number], zoom: number, theme: 'light' | 'dark') {
    const container = document.body.appendChild(document.createElement('div'));
    container.style.cssText = 'position: fixed; inset: 0';
    const background: LayerSpecification = {
      id: 'background',
      type: 'background',
      paint: { 'background-color': theme === 'light' ? '#e9ebe8' : '#14181d' },
    };
    this.map = new MapLibre({
      container,
      center,
      zoom,
      attributionControl: false,
      fadeDuration: 0,
      style: { version: 8, sources: {}, layers: [background] },
    });
    this.markers = new Markers({ now: () => this.#clock ?? Date.now() });
    this.markers.setTheme(theme);
    this.cells = new Cells(this);
    this.map.on('style.load', () => {
      if (this.map.getLayer(BELOW_DRIVERS) === undefined)
        this.map.addLayer({ id: BELOW_DRIVERS, type: 'background', layout: { visibility: 'none' } });
      for (const add of this.#addAll) add();
      if (this.map.getLayer('drivers') === undefined) this.map.addLayer(this.markers);
    });
    this.theme = theme;
  }

  readonly theme: 'light' | 'dark';

  onStyle(add: (map: MapLibre, theme: 'light' | 'dark') => void): () => void {
    const call = () => add(this.map, this.theme);
    this.#addAll.push(call);
    if (this.map.isStyleLoaded()) call();
    return () => {
      this.#addAll = this.#addAll.filter((other) => other !== call);
    };
  }

  /** Sets the markers' clock, epoch milliseconds; it then stands still. */
  setClock(time: number | undefined): void {
    this.#clock = time;
  }

  /** Resolves once a frame has been drawn as things are now. */
  frame(): Promise<void> {
    return new Promise((resolve) => {
      this.map.once('render', () => resolve());
      this.map.triggerRepaint();
    });
  }

  /** Red, green, blue and alpha of points of the canvas, in CSS pixels, in a frame drawn for it. */
  pixels(points: readonly { x: number; y: number }[]): Promise<number[][]> {
    const { promise, resolve } = Promise.withResolvers<number[][]>();
    this.map.once('render', () => {
      const canvas = this.map.getCanvas();
      const gl = canvas.getContext('webgl2') as WebGL2RenderingContext;
      const ratio = canvas.width / canvas.clientWidth;
      const pixel = new Uint8Array(4);
      resolve(
        points.map(({ x, y }) => {
          gl.readPixels(
            Math.floor(x * ratio),
            canvas.height - 1 - Math.floor(y * ratio),
            1,
            1,
            gl.RGBA,
            gl.UNSIGNED_BYTE,
            pixel,
          );
          return [...pixel];
        }),
      );
    });
    this.map.triggerRepaint();
    return promise;
  }

  /** Loses the context of WebGL, as a phone does that runs out of memory, and gives it back. */
  async loseContext(): Promise<void> {
    const gl = this.map.getCanvas().getContext('webgl2') as WebGL2RenderingContext;
    const extension = gl.getExtension('WEBGL_lose_context') as WEBGL_lose_context;
    const lost = new Promise((resolve) => this.map.once('webglcontextlost', resolve));
    extension.loseContext();
    await lost;
    // It may not be asked for before the event has been heard by all.
    await new Promise((resolve) => setTimeout(resolve));
    const styled = new Promise((resolve) => this.map.once('style.load', resolve));
    extension.restoreContext();
    await styled;
  }

  /** Has so many drivers drive about in view, each being put once a second, evenly over the second; 0 ends it. */
  drive(count: number): void {
    this.markers.clear();
    if (this.#moving !== undefined) clearInterval(this.#moving);
    this.#moving = undefined;
    if (count === 0) return;
    const bounds = this.map.getBounds();
    const drivers = Array.from({ length: count }, (_, i) => ({
      driverId: `driver-${i}`,
      latitude: bounds.getSouth() + Math.random() * (bounds.getNorth() - bounds.getSouth()),
      longitude: bounds.getWest() + Math.random() * (bounds.getEast() - bounds.getWest()),
      heading: Math.random() * 360,
      timestamp: 0,
      receivedAt: 0,
    }));
    const move = (i: number, seconds: number) => {
      const driver = drivers[i];
      if (Math.random() < 0.05) driver.heading = Math.random() * 360;
      const direction = (driver.heading * Math.PI) / 180;
      driver.latitude += ((12 * seconds) / DEGREE) * Math.cos(direction);
      driver.longitude += ((12 * seconds) / DEGREE) * Math.sin(direction) * 1.3;
      driver.timestamp = driver.receivedAt = Date.now();
      this.markers.put(driver as Position, i % 8);
    };
    for (let i = 0; i < count; i++) move(i, 0);
    const startedAt = performance.now();
    let moved = 0;
    this.#moving = setInterval(() => {
      const due = ((performance.now() - startedAt) / 1000) * count;
      for (; moved < due; moved++) move(moved % count, 1);
    }, 20) as unknown as number;
  }

  /** Microseconds of the main thread that a move of one of so many drivers takes, over so many moves. */
  timePuts(drivers: number, moves: number): number {
    this.drive(drivers);
    this.drive(0);
    const { lng, lat } = this.map.getCenter();
    const ids = Array.from({ length: drivers }, (_, i) => `driver-${i}`);
    const position = { driverId: '', latitude: lat, longitude: lng, heading: 0, timestamp: 0, receivedAt: 0 };
    const startedAt = performance.now();
    for (let i = 0; i < moves; i++) {
      position.driverId = ids[i % drivers];
      position.longitude = lng + (i % 1000) * 1e-5;
      position.heading = i % 360;
      position.receivedAt = i;
      this.markers.put(position, i % 8);
    }
    const took = performance.now() - startedAt;
    this.markers.clear();
    return (took * 1000) / moves;
  }

  /** Frames drawn in so many milliseconds in which the map repaints without end, and how long these were. */
  async countFrames(milliseconds: number): Promise<{ frames: number; seconds: number }> {
    const { promise, resolve } = Promise.withResolvers<{ frames: number; seconds: number }>();
    let frames = -1;
    let startedAt = 0;
    const count = () => {
      const now = performance.now();
      if (++frames === 0) startedAt = now;
      if (now - startedAt < milliseconds) return void this.map.triggerRepaint();
      this.map.off('render', count);
      resolve({ frames, seconds: (now - startedAt) / 1000 });
    };
    this.map.on('render', count);
    this.map.triggerRepaint();
    return promise;
  }
}

Object.assign(window, { Stage });
