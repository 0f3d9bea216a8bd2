import { type ReadonlySignal, type Signal, signal } from '@preact/signals';

/**
 * Why there is no position of this device: `insecure`, the page did not come by https; `absent`, the browser has none to give;
 * `denied`, it may not; `unavailable`, it knows none now; `timeout`, it takes too long.
 */
export type DeviceProblem = 'insecure' | 'absent' | 'denied' | 'unavailable' | 'timeout';

/** By `GeolocationPositionError.code`. */
const PROBLEMS: Readonly<Record<number, DeviceProblem>> = { 1: 'denied', 2: 'unavailable', 3: 'timeout' };

/** Milliseconds after a position in which there need not be another. */
const STILL = 60_000;

/** Where this device is, by the Geolocation API. */
export class Device {
  /** Set until there is a position again. */
  readonly problem: ReadonlySignal<DeviceProblem | undefined>;
  readonly #problem: Signal<DeviceProblem | undefined> = signal();
  readonly #took: (position: GeolocationPosition) => void;
  readonly #options: PositionOptions;
  #watch: number | undefined;
  /** When the last position came, by this device’s clock. */
  #tookAt = Number.NEGATIVE_INFINITY;

  /** @param took told each position */
  constructor(took: (position: GeolocationPosition) => void, options: PositionOptions) {
    this.#took = took;
    this.#options = options;
    this.problem = this.#problem;
    // Whoever was refused may be let in the browser’s settings; some browsers cannot tell.
    void navigator.permissions
      ?.query({ name: 'geolocation' })
      .then((permission) => {
        permission.onchange = () => {
          if (permission.state === 'granted' && this.#problem.value === 'denied') this.watch();
        };
      })
      .catch(() => {});
  }

  /** Asks for the position, and each that follows; after a refusal once more. */
  watch(): void {
    this.end();
    this.#problem.value = missing();
    if (this.#problem.value !== undefined) return;
    this.#watch = navigator.geolocation.watchPosition(this.#taken, this.#failed, this.#options);
  }

  /** Asks for one more position now, which a browser does not give by itself while the device stands still. */
  ask(): void {
    if (this.#watch !== undefined) navigator.geolocation.getCurrentPosition(this.#taken, this.#failed, this.#options);
  }

  /** Asks no more. */
  end(): void {
    if (this.#watch !== undefined) navigator.geolocation.clearWatch(this.#watch);
    this.#watch = undefined;
    this.#problem.value = undefined;
  }

  readonly #taken = (position: GeolocationPosition) => {
    // One that was asked for may come after the end.
    if (this.#watch === undefined) return;
    this.#problem.value = undefined;
    this.#tookAt = Date.now();
    this.#took(position);
  };

  readonly #failed = ({ code }: GeolocationPositionError) => {
    const problem = PROBLEMS[code];
    // Some browsers tell nothing else of a device that stands still.
    const isStill = problem === 'timeout' && Date.now() - this.#tookAt < STILL;
    if (this.#watch !== undefined && !isStill) this.#problem.value = problem;
  };
}

/** Whether the page may have positions without a question to its user. */
export async function isGranted(): Promise<boolean> {
  const permission = await navigator.permissions?.query({ name: 'geolocation' }).catch(() => undefined);
  return permission?.state === 'granted' && missing() === undefined;
}

function missing(): DeviceProblem | undefined {
  // There the API is, and refuses all as if its user had.
  if (!isSecureContext) return 'insecure';
  return 'geolocation' in navigator ? undefined : 'absent';
}
