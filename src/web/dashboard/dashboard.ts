import { batch, computed, effect, type ReadonlySignal, type Signal, signal, untracked } from '@preact/signals';
import { type Nearcast, NearcastError, type Position, type Where } from '../../client/index.ts';
import { BaseMap } from '../map/base-map.ts';
import { bboxOf, isInView } from '../map/bbox.ts';
import { Cells } from '../map/cells.ts';
import { Markers } from '../map/markers.ts';
import { ABOVE_DRIVERS } from '../map/order.ts';
import { Overlay } from '../map/overlay.ts';
import { asError, isPassing } from '../session/as-error.ts';
import { type Link, readLink, writeLink } from '../session/link.ts';
import { Session } from '../session/session.ts';
import { readSettings } from '../session/settings.ts';
import { theme } from '../session/theme.ts';
import { isShare } from '../session/token.ts';
import { AreaDrawing } from './area-drawing.ts';
import { formatArea, parseArea } from './area-link.ts';
import { AreaLog } from './area-log.ts';
import { boundsOfArea } from './area-shape.ts';
import { Camera } from './camera.ts';
import { Census, MAX_DRIVERS, NEAR_ZOOM, resolutionAt } from './density.ts';
import { labelDrivers } from './driver-labels.ts';
import { Drivers } from './drivers.ts';
import { Facets } from './facets.ts';
import { boundsOfFleet } from './fleet-bounds.ts';
import { Live } from './live.ts';
import { Pointer } from './pointer.ts';
import type { DrawnArea, Subject, WatchedArea } from './subject.ts';
import { Trail } from './trail.ts';
import { formatView, parseView, viewOf } from './view.ts';
import { formatWhere, parseWhere } from './where.ts';

/** What a wide view is told by: by itself counts where there are too many drivers. */
export type Show = 'automatic' | 'drivers' | 'counts';

/** A tool that is open beside the map. */
export type ToolName = 'nearest' | 'area' | 'replay' | 'share';

/** Something that went wrong, for the reader. */
interface Notice {
  readonly text: string;
  readonly at: number;
}

/** How long after its last fix a driver that went stale is still shown, and how often that is looked at, milliseconds. */
const GHOST_TIME = 1_800_000;
const GHOST_PACE = 15_000;
/** Who is further from a driver that is followed is left out, metres: some more than a screen from where counts begin. */
const FOLLOWED_RADIUS = 25_000;
/** How often it is tried to look where a link says, milliseconds. */
const ARRIVAL_PACE = 5_000;
/** How long the map rests before counts are asked for, milliseconds. */
const REST = 250;

/**
 * The page's state, and what keeps the map, the subscription and the tools together. Its length is that of the list of what
 * follows what (`#wire`); what each of these does is in a file of its own.
 */
export class Dashboard {
  readonly settings = readSettings();
  readonly session = new Session();
  readonly drivers = new Drivers();
  readonly facets = new Facets();
  readonly trail = new Trail();
  readonly base: BaseMap;
  readonly camera: Camera;
  readonly markers: Markers;
  readonly pointer: Pointer;
  readonly live: Live;
  readonly census: Census;

  readonly subject: ReadonlySignal<Subject>;
  readonly where: ReadonlySignal<Where>;
  readonly selected: ReadonlySignal<string | undefined>;
  readonly show = signal<Show>('automatic');
  readonly tool = signal<ToolName | undefined>(undefined);
  readonly notice = signal<Notice | undefined>(undefined);
  /** When the fleet was looked for last, nobody was on duty. */
  readonly nobody = signal(false);
  /** Whether counts are shown instead of drivers. */
  readonly counting: ReadonlySignal<boolean>;
  /** What is known of the selected driver, as of the last change. */
  readonly position: ReadonlySignal<Position | undefined>;
  /** Why the selected driver was last taken off the map, if it was. */
  readonly leftFor: ReadonlySignal<string | undefined>;
  /** Grows with each move of the map that has ended. */
  readonly rested: ReadonlySignal<number>;
  /** While another source, as a replay, feeds the map, the subscription is silent. */
  readonly paused = signal(false);
  /** Whether a crosshair shows the middle of the map, as places are chosen by keys. */
  readonly aiming = signal(false);
  readonly areaLog = new AreaLog(() => this.session.serverTime);
  readonly areaDrawing: AreaDrawing;

  readonly #subject: Signal<Subject>;
  readonly #where: Signal<Where>;
  readonly #selected = signal<string | undefined>(undefined);
  /** The selected driver where it is not on the map. */
  readonly #elsewhere = signal<Position | undefined>(undefined);
  readonly #leftFor = signal<string | undefined>(undefined);
  /** What was last counted in a wide view: whether there are too many to be shown one by one. */
  readonly #crowd = signal<'unknown' | 'few' | 'many'>('unknown');
  readonly #rested = signal(0);
  /** The filters that the server took last. */
  #taken: Where = {};
  readonly #now: () => number;
  /** The clock that the map goes by, where it is not the server's. */
  #clock: (() => number) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Ends looking where the last link says. */
  #endArrival = () => {};
  /** Drivers that were looked for. */
  #searches = 0;

  constructor(container: HTMLElement) {
    const link = readLink(location.hash);
    const start = parseView(link.get('at'));
    this.#now = () => this.#clock?.() ?? this.session.serverTime;
    this.#where = signal(parseWhere(link.get('where')));
    const area = parseArea(link.get('area'));
    this.#subject = signal(area === undefined ? { kind: 'view' } : { kind: 'area', area });
    this.subject = this.#subject;
    this.where = this.#where;
    this.selected = this.#selected;
    this.rested = this.#rested;
    this.base = new BaseMap({
      container,
      center: start === undefined ? [0, 20] : [start.lng, start.lat],
      zoom: start?.zoom ?? 1.5,
      theme: theme.value,
      mapStyle: this.settings.mapStyle,
    });
    this.camera = new Camera(this.base.map);
    this.markers = new Markers({ now: this.#now });
    this.live = new Live({
      put: (position) => {
        this.put(position);
        if (this.#watchesArea) this.areaLog.put(position.driverId);
      },
      exit: ({ driverId, reason }) => {
        this.exit(driverId, reason);
        if (this.#watchesArea) this.areaLog.exit(driverId, reason);
      },
      whole: (drivers) => this.only(drivers),
      changes: () => this.#followedChanged(),
      asked: () => this.areaLog.wait(),
      settled: (drivers) => {
        this.#taken = this.#where.peek();
        if (this.#watchesArea) this.areaLog.settle(drivers.keys());
      },
      failed: (error) => this.#watchFailed(error),
    });
    this.census = new Census((error) => this.#countFailed(error));
    this.counting = computed(() => {
      if (this.paused.value || this.#subject.value.kind !== 'view' || this.show.value === 'drivers') return false;
      return this.show.value === 'counts' || this.#crowd.value === 'many';
    });
    this.leftFor = this.#leftFor;
    this.position = computed(() => {
      const driverId = this.#selected.value;
      void this.drivers.version.value;
      return driverId === undefined ? undefined : (this.drivers.of(driverId) ?? this.#elsewhere.value);
    });
    this.pointer = new Pointer({
      map: this.base.map,
      markers: this.markers,
      counting: this.counting,
      counts: this.census.counts,
      select: (driverId) => this.select(driverId),
    });
    this.#wire();
    this.areaDrawing = new AreaDrawing(this);
    labelDrivers(this);
    this.#arrive(link, start !== undefined);
    // Another link that is opened in the same tab changes nothing but the hash.
    addEventListener('hashchange', () => {
      const next = readLink(location.hash);
      const view = parseView(next.get('at'));
      const area = parseArea(next.get('area'));
      this.select(undefined);
      this.setWhere(parseWhere(next.get('where')));
      if (area === undefined) this.watchView();
      else this.watchArea(area);
      if (view !== undefined) this.camera.jump(view);
      this.#arrive(next, view !== undefined);
    });
  }

  /** Looks where a link says, as soon as there is a token to look with that is taken. The link of before is over. */
  #arrive(link: Link, isThere: boolean): void {
    this.#endArrival();
    const area = parseArea(link.get('area'));
    if (!isThere && area !== undefined) this.camera.showArea(area, false);
    const atFleet = !isThere && area === undefined;
    let isOver = false;
    const arrive = async (client: Nearcast) => {
      // With a token that is not taken nothing is to be seen: the next one looks.
      const isOn = () => !isOver && this.session.client.peek() === client && this.session.closed.peek() === undefined;
      while (isOn() && !(await this.#look(atFleet, link.get('driver')))) {
        await new Promise((resolve) => setTimeout(resolve, ARRIVAL_PACE));
      }
      // Else another token would have the reader elsewhere long after.
      if (isOn()) this.#endArrival();
    };
    const end = this.session.client.subscribe((client) => {
      if (client !== undefined) void arrive(client);
    });
    this.#endArrival = () => {
      if (!isOver) end();
      isOver = true;
    };
  }

  /** Goes to the fleet, and to a driver. @returns false when that may be tried again */
  async #look(atFleet: boolean, driverId: string | undefined): Promise<boolean> {
    if (atFleet && !(await this.showFleet())) return false;
    if (driverId === undefined) return true;
    const found = await this.find(driverId);
    if (found === 'found') this.follow(driverId);
    else if (found === 'missing') {
      this.notice.value = { text: `There is no driver “${driverId}” on duty.`, at: Date.now() };
    }
    return found !== 'later';
  }

  /** The clock that ages and positions go by, epoch milliseconds: the server's, or that of a replay. */
  get now(): number {
    return this.#now();
  }

  /** Has the map go by another clock, as a replay's; `undefined`: by the server's again. */
  useClock(clock: (() => number) | undefined): void {
    this.#clock = clock;
  }

  /** A driver is on the map, or has moved there. */
  put(position: Position): void {
    this.drivers.put(position);
    this.markers.put(position, this.facets.colourOf(position.attributes));
    this.trail.add(position);
  }

  /** A driver is no longer inside what is watched. */
  exit(driverId: string, reason: string): void {
    if (reason === 'stale') {
      const forgotten = this.drivers.ghost(driverId);
      this.markers.ghost(driverId);
      if (forgotten !== undefined) this.markers.remove(forgotten);
      return;
    }
    const last = this.drivers.of(driverId);
    if (driverId === this.#selected.value) {
      this.#elsewhere.value = last;
      this.#leftFor.value = reason;
    }
    this.drivers.remove(driverId);
    this.markers.remove(driverId);
  }

  /** These are on the map, and nobody else but who went stale. */
  only(drivers: ReadonlyMap<string, Position>): void {
    for (const driverId of [...this.drivers.inside.keys()]) if (!drivers.has(driverId)) this.exit(driverId, 'left');
  }

  /** Nobody is on the map. */
  clear(): void {
    this.drivers.clear();
    this.markers.clear();
  }

  /** Another time is to be shown: nobody is on the map, nothing of them is known, and the trail is that of until then. */
  leap(): void {
    this.clear();
    this.#elsewhere.value = undefined;
    this.#leftFor.value = undefined;
    this.#trace();
  }

  /** Says what went wrong. @returns whether asking again may mend it */
  failed(thrown: unknown): boolean {
    const error = asError(thrown);
    if (error.code === 'unauthorized') this.session.failed(error);
    else if (error.code !== 'closed') this.notice.value = { text: error.message, at: Date.now() };
    return isPassing(error);
  }

  /** Watches what the map shows. */
  watchView(): void {
    this.#subject.value = { kind: 'view' };
  }

  /** Watches a drawn area alone. */
  watchArea(area: DrawnArea): void {
    this.areaLog.begin();
    // Who went silent elsewhere is no part of it.
    for (const driverId of [...this.drivers.ghosts.keys()]) this.exit(driverId, 'left');
    this.#subject.value = { kind: 'area', area };
    if (!this.camera.sees(area)) this.camera.showArea(area, true);
  }

  /** Goes where a driver goes, and watches around it. */
  follow(driverId: string): void {
    batch(() => {
      this.select(driverId);
      this.#subject.value = { kind: 'follow', driverId };
    });
    this.camera.comeAlong(NEAR_ZOOM);
  }

  /** Shows the details and the trail of a driver; of none, when it is undefined. */
  select(driverId: string | undefined): void {
    if (driverId === this.#selected.value) return;
    batch(() => {
      if (this.#subject.value.kind === 'follow') this.watchView();
      this.#selected.value = driverId;
      this.#elsewhere.value = undefined;
      this.#leftFor.value = undefined;
    });
    this.markers.select(driverId);
    this.base.map.triggerRepaint();
    this.#trace();
  }

  /**
   * Shows a driver, wherever it is; in a replay, if it is on the map.
   *
   * @returns `later`: it could not be asked for now, which is told; `given up`: nor will it be, or another one was looked for
   * meanwhile
   */
  async find(driverId: string): Promise<'found' | 'missing' | 'later' | 'given up'> {
    const search = ++this.#searches;
    let position = this.drivers.of(driverId);
    if (position === undefined) {
      const client = this.session.client.peek();
      if (this.paused.peek()) return 'missing';
      if (client === undefined) return 'given up';
      try {
        position = (await client.request(`v1/drivers/${encodeURIComponent(driverId)}`)) as Position;
      } catch (error) {
        if (search !== this.#searches) return 'given up';
        if (error instanceof NearcastError && error.code === 'not_found') return 'missing';
        return this.failed(error) ? 'later' : 'given up';
      }
    }
    if (search !== this.#searches) return 'given up';
    this.select(driverId);
    if (this.drivers.of(driverId) === undefined) this.#elsewhere.value = position;
    this.camera.comeTo({ lat: position.latitude, lng: position.longitude });
    return 'found';
  }

  /** Shows all of the fleet, as far as the token sees it. @returns false when it could not be asked for now */
  async showFleet(): Promise<boolean> {
    const { area } = this.session.claims.value;
    const client = this.session.client.peek();
    if (client === undefined) return false;
    try {
      const bounds = area === undefined ? await boundsOfFleet(client) : boundsOfArea(area);
      this.nobody.value = bounds === undefined;
      if (bounds !== undefined) this.camera.showBox(bounds);
      return true;
    } catch (error) {
      return !this.failed(error);
    }
  }

  setWhere(where: Where): void {
    // Whoever went stale is not told of any more, so neither whether it meets this.
    for (const driverId of [...this.drivers.ghosts.keys()]) this.exit(driverId, 'left');
    this.#where.value = where;
  }

  /** The link to what is shown now, without a token. */
  get link(): string {
    const subject = this.#subject.value;
    return writeLink({
      at: formatView(viewOf(this.base.map)),
      area: subject.kind === 'area' ? formatArea(subject.area) : undefined,
      driver: subject.kind === 'follow' ? subject.driverId : undefined,
      where: formatWhere(this.#where.value),
    });
  }

  #wire(): void {
    const { map } = this.base;
    this.base.onStyle((styled, colours) => {
      this.markers.setTheme(colours);
      if (styled.getLayer(this.markers.id) === undefined) styled.addLayer(this.markers, ABOVE_DRIVERS);
    });
    const cells = new Cells(this.base);
    const trail = new Overlay(this.base, 'trail', (colours) => [
      {
        id: 'trail-line',
        type: 'line',
        layout: { 'line-cap': 'round', 'line-join': 'round' },
        paint: { 'line-color': colours === 'dark' ? '#62adff' : '#0a63c9', 'line-width': 3.5, 'line-opacity': 0.75 },
      },
    ]);
    effect(() => cells.set(this.counting.value ? this.census.counts.value?.cells : undefined));
    effect(() => trail.set(this.trail.line.value));
    effect(() => this.base.setTheme(theme.value));
    effect(() => this.live.use(this.session.client.value));
    effect(() => {
      void this.session.client.value;
      untracked(() => this.#trace());
    });
    effect(() => this.live.filter(this.#where.value));
    // Another area, or another kind of it.
    effect(() => {
      void this.#subject.value;
      this.#watchNow();
    });
    effect(() => {
      this.live.on = !this.counting.value && !this.paused.value;
      if (!this.counting.value) return;
      const driverId = this.#selected.peek();
      const last = driverId === undefined ? undefined : this.drivers.of(driverId);
      if (last !== undefined) this.#elsewhere.value = last;
      this.clear();
    });
    effect(() => {
      void this.#rested.value;
      this.#count();
      this.#dismissGhosts();
    });
    setInterval(() => this.#dismissGhosts(), GHOST_PACE);
    effect(() => {
      const counts = this.census.counts.value;
      if (counts === undefined) return;
      this.#crowd.value = counts.total > MAX_DRIVERS ? 'many' : 'few';
      this.#watchNow(true);
    });
    effect(() => {
      void this.drivers.version.value;
      if (this.drivers.inside.size > 0) this.nobody.value = false;
      const recoloured = this.facets.count(this.drivers.inside.values(), this.#where.peek());
      if (recoloured) this.recolour();
    });
    map.on('movestart', ({ originalEvent }) => {
      // Who looks elsewhere is not taken back to where a link leads.
      if (originalEvent !== undefined) this.#endArrival();
    });
    map.on('move', () => this.#watchNow());
    map.on('moveend', () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => {
        this.#rested.value++;
        this.#keepLink();
      }, REST);
    });
    let isNew = true;
    effect(() => {
      void this.#subject.value;
      void this.#where.value;
      // A link that says little is kept until there is more to say.
      if (!isNew) this.#keepLink();
      isNew = false;
    });
    map.on('dragstart', () => {
      if (this.#subject.value.kind === 'follow') this.watchView();
    });
    // The followed driver is kept in the middle as it glides.
    map.on('render', () => {
      const subject = this.#subject.value;
      if (subject.kind !== 'follow') return;
      const drawn = this.markers.drawn(subject.driverId);
      if (drawn !== undefined) this.camera.hold(drawn);
    });
    // A sheet that comes up for a driver does not hide it.
    effect(() => {
      void this.camera.covered.value;
      const driverId = this.#selected.value;
      const drawn = driverId === undefined ? undefined : this.markers.drawn(driverId);
      if (drawn !== undefined) this.camera.uncover(drawn);
    });
  }

  /** The address says what is shown, for a reload and for whoever copies it. */
  #keepLink(): void {
    history.replaceState(null, '', `${location.pathname}${this.link}`);
  }

  get #watchesArea(): boolean {
    return this.#subject.peek().kind === 'area';
  }

  #watchFailed(error: NearcastError): void {
    if (this.#takesFilterBack(error)) return;
    // Whoever may not see a view may see nothing.
    if (error.code === 'forbidden' && this.#subject.peek().kind === 'view') {
      this.session.refuse(error);
      return;
    }
    if (!this.#watchesArea || error.code !== 'invalid') {
      this.failed(error);
      return;
    }
    // The area is not taken: it is told beside the tool, and the map is as it was.
    this.watchView();
    this.areaDrawing.fault.value = `The server does not watch this area: ${error.message}`;
    if (this.tool.peek() !== 'area') this.failed(error);
  }

  #countFailed(error: NearcastError): void {
    if (!this.#takesFilterBack(error)) this.failed(error);
  }

  /** What is refused for its filters goes on with those that were taken: what is shown is what is said. */
  #takesFilterBack(error: NearcastError): boolean {
    const isOfFilter = error.errors.some(({ field }) => /^(where|attributes)(\.|$)/.test(field));
    if (!isOfFilter || error.code !== 'invalid' || this.#where.peek() === this.#taken) return false;
    this.failed(error);
    this.setWhere(this.#taken);
    return true;
  }

  /** Colours all drivers anew. */
  recolour(): void {
    this.markers.recolour((driverId) => this.facets.colourOf(this.drivers.of(driverId)?.attributes));
    this.base.map.triggerRepaint();
  }

  /** @param counted it is known that those in a wide view are not too many */
  #watchNow(counted = false): void {
    const isView = this.#subject.value.kind === 'view';
    // All of a continent may be too much: it is counted first.
    if (isView && this.#isWide && this.show.value === 'automatic' && !counted) return;
    this.live.watch(this.area);
  }

  get #isWide(): boolean {
    return this.base.map.getZoom() < NEAR_ZOOM;
  }

  /** Where the map looks, or what else is watched, as it is asked for. */
  get area(): WatchedArea {
    const subject = this.#subject.value;
    if (subject.kind === 'area') return subject.area;
    const bbox = bboxOf(this.base.map);
    if (subject.kind === 'view') return { bbox };
    const most = Math.min(FOLLOWED_RADIUS, this.settings.maxRadiusMeters);
    return { around: subject.driverId, radius: Math.min(Math.max(radiusInSteps(this.camera.reach), 200), most) };
  }

  /** Of whoever went stale and may be elsewhere by now nothing is told: it is not shown for ever, nor out of view. */
  #dismissGhosts(): void {
    const since = this.#now() - GHOST_TIME;
    for (const [driverId, { latitude, longitude, receivedAt }] of [...this.drivers.ghosts]) {
      if (receivedAt < since || !isInView(this.base.map, latitude, longitude)) this.exit(driverId, 'left');
    }
  }

  /** Asks how many are in a wide view, to know whether to show them one by one. */
  #count(): void {
    const { map } = this.base;
    const client = this.session.client.value;
    if (!this.#isWide) this.#crowd.value = 'unknown';
    const asks = this.show.value === 'counts' || (this.show.value === 'automatic' && this.#isWide);
    if (client === undefined || !asks || this.#subject.value.kind !== 'view' || this.paused.value) {
      this.census.ask(undefined);
      return;
    }
    const { lat, zoom } = viewOf(map);
    this.census.ask({ client, bbox: bboxOf(map), resolution: resolutionAt(zoom, lat), where: this.#where.value });
  }

  #trace(): void {
    // A guest is refused the past.
    const hasPast = this.settings.historyRetentionDays > 0 && !isShare(this.session.token.value ?? '');
    const client = hasPast ? this.session.client.value : undefined;
    void this.trail.show(client, this.#selected.value, this.#now());
  }

  #followedChanged(): void {
    // The map may rest while the followed driver moves: one frame, and the camera goes on.
    if (this.#subject.value.kind === 'follow') this.base.map.triggerRepaint();
  }
}

/**
 * A radius of at least so many metres, in steps of an eighth: on a map that follows a driver a screen is as wide in other
 * latitudes by some metres more or less, which is no news to the server.
 */
function radiusInSteps(metres: number): number {
  return Math.ceil(1.125 ** Math.ceil(Math.log(metres) / Math.log(1.125)));
}
