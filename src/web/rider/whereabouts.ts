import { computed, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import { Device, isGranted } from '../phone/device.ts';
import { offset } from '../phone/offset.ts';
import { type Place, placeIn } from '../phone/place.ts';
import { readLink, writeLink } from '../session/link.ts';

/** Where the rider is, and how that is known. */
export interface Here extends Place {
  readonly by: 'device' | 'hand';
  /** Metres. */
  readonly accuracy?: number;
}

/** The circle that is watched goes along in steps of this, metres: not with each waver of the device. */
const STEP = 25;

/** Where the rider is: as the device says, or by hand (typed, or in the link as `#at=40.7549,-73.984`). */
export class Whereabouts {
  readonly here: ReadonlySignal<Here | undefined>;
  /** About there, by steps. */
  readonly centre: ReadonlySignal<Place | undefined>;
  /** Whether the device is being asked. */
  readonly isAsking: ReadonlySignal<boolean>;
  readonly device = new Device(
    ({ coords: { latitude, longitude, accuracy } }) => this.#go({ latitude, longitude, accuracy, by: 'device' }),
    { enableHighAccuracy: true, maximumAge: 5_000, timeout: 20_000 },
  );
  readonly #here: Signal<Here | undefined> = signal();
  readonly #centre: Signal<Place | undefined> = signal();
  readonly #isByDevice = signal(false);

  constructor() {
    this.here = this.#here;
    this.centre = this.#centre;
    this.isAsking = computed(
      () => this.#isByDevice.value && this.#here.value?.by !== 'device' && this.device.problem.value === undefined,
    );
    addEventListener('hashchange', () => this.#follow());
    if (this.#follow()) return;
    // Else it is asked for by a button: a question out of nowhere is answered with no.
    void isGranted().then((granted) => {
      if (granted && this.#here.value === undefined) this.useDevice();
    });
  }

  /** Goes by the device from now on. */
  useDevice(): void {
    this.#isByDevice.value = true;
    this.#link(undefined);
    this.device.watch();
  }

  /** Stays at a place, which the link then names. */
  stay({ latitude, longitude }: Place): void {
    this.#isByDevice.value = false;
    this.device.end();
    this.#link(`${latitude},${longitude}`);
    this.#go({ latitude, longitude, by: 'hand' });
  }

  /** Goes where the link says, if it does. */
  #follow(): boolean {
    const at = placeIn(readLink(location.hash).get('at') ?? '');
    if (at !== undefined) this.stay(at);
    return at !== undefined;
  }

  #link(at: string | undefined): void {
    const rest = Object.fromEntries(readLink(location.hash));
    history.replaceState(null, '', `${location.pathname}${location.search}${writeLink({ ...rest, at })}`);
  }

  #go(here: Here): void {
    this.#here.value = here;
    const centre = this.#centre.value;
    if (centre === undefined || offset(centre, here).distance >= STEP || here.by === 'hand') {
      this.#centre.value = { latitude: here.latitude, longitude: here.longitude };
    }
  }
}
