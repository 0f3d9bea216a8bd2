import { computed, effect, type ReadonlySignal, type Signal, signal, untracked } from '@preact/signals';
import { type Nearcast, NearcastError } from '../../client/index.ts';
import { Device } from '../phone/device.ts';
import type { Session } from '../session/session.ts';
import { readJson, tabStorage } from '../session/storage.ts';
import { attributesOf, details, sends } from './details.ts';
import { hold } from './hold.ts';
import { keepAwake } from './keep-awake.ts';
import { keptUnder, Sender } from './sender.ts';
import { isWorthSending } from './worth-sending.ts';

/** `elsewhere`: another tab of this browser is on duty as this driver; `ending`: fixes wait to be sent before. */
export type Phase = 'off' | 'elsewhere' | 'on' | 'ending';

/** Where a tab that is loaded anew finds that it was on duty. */
const KEPT = 'nearcast.duty';
/** Whoever stands still is heard of so often, milliseconds; more often where drivers go stale sooner. */
const SILENCE = 30_000;
/** Going off duty is tried again after this long, milliseconds. */
const RETRY = 5_000;

/** A driver’s duty: while it is on, where this device is goes to the server. It survives new tokens and reloads. */
export class Duty {
  readonly phase: ReadonlySignal<Phase>;
  /** As whom; undefined while that is not known. */
  readonly driverId: ReadonlySignal<string | undefined>;
  /** Of this duty, or the last. */
  readonly sender: ReadonlySignal<Sender | undefined>;
  /** Fixes that are not with the server yet. */
  readonly waiting: ReadonlySignal<number>;
  /** Whether the screen is kept on. */
  readonly isAwake: ReadonlySignal<boolean>;
  readonly device = new Device((position) => this.#take(position), { enableHighAccuracy: true, timeout: 20_000 });
  readonly #session: Session;
  readonly #silence: number;
  readonly #phase = signal<Phase>('off');
  readonly #sender: Signal<Sender | undefined> = signal();
  readonly #isAwake = signal(false);
  /** The queue that is being opened, by its key: no duty is begun until this tab holds it. */
  #opening: string | undefined;
  /** The last position that was sent. */
  #last: GeolocationPosition | undefined;
  #heartbeat: ReturnType<typeof setInterval> | undefined;
  /** Ends the duty; there is one while it is not off. */
  #over = new AbortController();
  /** Takes going off duty back. */
  #staying = new AbortController();
  #darken: () => void = () => {};

  /** @param ttl seconds after which a driver that is not heard of is taken for gone */
  constructor(session: Session, ttl: number) {
    this.#session = session;
    this.#silence = Math.min(SILENCE, (ttl * 1000) / 3);
    this.phase = this.#phase;
    this.sender = this.#sender;
    this.isAwake = this.#isAwake;
    this.driverId = computed(() => {
      const whose = sends(session.claims.value);
      const driverId = whose === 'any' ? details.value.driverId : whose === 'own' ? session.claims.value.sub : '';
      return driverId || undefined;
    });
    this.waiting = computed(() => {
      const driverId = this.driverId.value;
      if (this.#phase.value !== 'off') return this.#sender.value?.waiting.value ?? 0;
      return driverId === undefined ? 0 : keptUnder(this.#key(driverId));
    });
    effect(() => {
      const client = session.client.value;
      untracked(() => void this.#goOn(client));
    });
    effect(() => {
      const attributes = attributesOf(details.value);
      // Told at once: riders look for those who are available.
      untracked(() => {
        if (this.#phase.value === 'on' && this.#last) this.#sender.value?.send({ ...placeOf(this.#last), attributes });
      });
    });
  }

  /** Goes on duty, or stays when it was about to go off. */
  async start(): Promise<void> {
    const driverId = this.driverId.value;
    if (driverId === undefined || this.#opening !== undefined) return;
    if (this.#phase.value === 'ending') {
      this.#staying.abort();
      this.#begin();
    } else if (this.#phase.value === 'off') {
      this.#set('on');
      if (await this.#open(driverId)) this.#begin();
    }
  }

  /** Goes off duty: no more is sent, and once the server has all that waits it is told. */
  stop(): void {
    // Nothing was sent that there would be to wait for.
    if (this.#opening !== undefined) this.#leave();
    if (this.#phase.value !== 'on') return;
    this.#quiet();
    this.#set('ending');
    void this.#finish();
  }

  /** Another token, or the first: goes on where a reload or the end of a token broke off. */
  async #goOn(client: Nearcast | undefined): Promise<void> {
    const driverId = this.driverId.value;
    if (this.#opening !== undefined) {
      // It takes the client of when it is held; as somebody else it must not.
      if (driverId === undefined || this.#opening !== this.#key(driverId)) this.#leave();
      return;
    }
    if (client === undefined) return;
    const sender = this.#sender.value;
    if (this.#phase.value === 'off' || sender === undefined) {
      const kept: Partial<Record<string, unknown>> = Object(readJson(tabStorage, KEPT));
      if (driverId === undefined || kept.driverId !== driverId || !(await this.#open(driverId))) return;
      if (kept.phase === 'on') return this.#begin();
      this.#set('ending');
    } else if (driverId === undefined || sender.key !== this.#key(driverId)) {
      // It is somebody else’s. What waits is kept for whose it is.
      this.#leave();
      return;
    } else await sender.use(client);
    if (this.#phase.value === 'ending') void this.#finish();
  }

  /** Opens the queue of a driver. @returns whether it is for this tab to send */
  async #open(driverId: string): Promise<boolean> {
    const over = new AbortController();
    this.#over = over;
    const key = this.#key(driverId);
    this.#opening = key;
    await hold(key, over.signal, () => this.#set('elsewhere'));
    if (over.signal.aborted) return false;
    const client = this.#session.client.value;
    if (client === undefined) {
      this.#leave();
      return false;
    }
    const sender = new Sender(driverId, key);
    this.#sender.value = sender;
    this.#opening = undefined;
    // A client that comes now is used after this one.
    await sender.use(client);
    return !over.signal.aborted;
  }

  #begin(): void {
    this.#set('on');
    this.#last = undefined;
    this.device.watch();
    this.#darken = keepAwake((isAwake) => {
      this.#isAwake.value = isAwake;
    });
  }

  #take(position: GeolocationPosition): void {
    if (!isWorthSending(position, this.#last, this.#silence)) return;
    this.#last = position;
    // As it comes from the browser; a track knows what to make of it.
    const { coords, timestamp } = position;
    this.#sender.value?.send({ coords, timestamp, attributes: attributesOf(details.value) });
    clearInterval(this.#heartbeat);
    this.#heartbeat = setInterval(() => this.device.ask(), this.#silence);
  }

  async #finish(): Promise<void> {
    this.#staying.abort();
    this.#staying = new AbortController();
    const { signal } = this.#staying;
    for (;;) {
      try {
        await this.#sender.value?.offDuty(signal);
        return this.#leave();
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof NearcastError)) throw error;
        // Nothing was ever heard of the driver.
        if (error.code === 'not_found') return this.#leave();
        if (error.code === 'unauthorized') this.#session.failed(error);
        // With another token, it is begun again.
        if (error.code === 'unauthorized' || error.code === 'forbidden' || error.code === 'closed') return;
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY));
      if (signal.aborted) return;
    }
  }

  /** No more positions are asked for. */
  #quiet(): void {
    this.device.end();
    clearInterval(this.#heartbeat);
    this.#darken();
    this.#isAwake.value = false;
  }

  #leave(): void {
    this.#quiet();
    this.#opening = undefined;
    const over = this.#over;
    // The next tab may have the queue when it is saved.
    void Promise.resolve(this.#sender.value?.close()).then(() => over.abort());
    this.#set('off');
  }

  /** Where the queue of a driver is kept: another one’s must never go as this one’s. */
  #key(driverId: string): string {
    // Both may have colons.
    const parts = [this.#session.claims.value.fleet ?? '', driverId].map(encodeURIComponent);
    return `nearcast.fixes:${parts.join(':')}`;
  }

  #set(phase: Phase): void {
    this.#phase.value = phase;
    const driverId = this.driverId.value;
    if (phase === 'on' || phase === 'ending') tabStorage.setItem(KEPT, JSON.stringify({ driverId, phase }));
    else tabStorage.removeItem(KEPT);
  }
}

/** Where a position is, for a fix of now. */
function placeOf({ coords: { latitude, longitude, accuracy } }: GeolocationPosition) {
  return { latitude, longitude, accuracy };
}
