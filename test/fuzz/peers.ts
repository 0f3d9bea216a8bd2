import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

/** How well-behaved peers fared. Times are in milliseconds. */
export interface PeerReport {
  /** Fixes that the driver sent. */
  readonly sent: number;
  /** Of them those that the watcher was told, or a newer one instead. */
  readonly told: number;
  /** The longest from sending a fix to its acknowledgement, and to the watcher's being told. */
  readonly worstAck: number;
  readonly worstTold: number;
  readonly faults: readonly string[];
}

/** A driver that sends twenty fixes a second and a watcher of where it is, both as they should be. */
export class Peers {
  readonly #thread: Worker;
  readonly #failed: Promise<never>;

  constructor(port: number, token: string) {
    this.#thread = new Worker(new URL('./peer-thread.ts', import.meta.url), { workerData: { port, token } });
    this.#failed = once(this.#thread, 'error').then(([error]) => {
      throw error;
    });
    this.#failed.catch(() => {});
  }

  /** Has them stop, and says how they fared. */
  async end(): Promise<PeerReport> {
    const reported = once(this.#thread, 'message');
    this.#thread.postMessage('end');
    const [report] = await Promise.race([reported, this.#failed]);
    await this.#thread.terminate();
    return report;
  }
}
