import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Milliseconds in which a process is to end. */
const GRACE = 8000;

/** What a child answers to a request, or how it failed. */
interface Answer {
  readonly n: number;
  readonly answer?: unknown;
  readonly error?: string;
}

/** A process of a bench: it gets its options as JSON, says when it is ready, and answers requests. It ends with this one. */
export class Child<Request, Ready = unknown> {
  readonly ready: Ready;
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (answer: unknown) => void; reject: (error: Error) => void }>();
  #asked = 0;
  #stopped = false;

  private constructor(child: ChildProcess, ready: Ready) {
    this.#process = child;
    this.ready = ready;
    child.on('message', ({ n, answer, error }: Answer) => {
      const waiting = this.#waiting.get(n);
      this.#waiting.delete(n);
      if (error === undefined) waiting?.resolve(answer);
      else waiting?.reject(new Error(error));
    });
    child.on('exit', (code, signal) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`a process ended with ${code ?? signal}`));
      this.#waiting.clear();
      if (!this.#stopped) console.error(`process ${child.pid} ended with ${code ?? signal}`);
    });
  }

  /**
   * Starts a module of this folder, which calls `answerParent` of in-child.ts.
   *
   * @param nodeOptions of the child's Node
   */
  static async start<Request, Ready = unknown>(
    module: string,
    options: unknown,
    nodeOptions: readonly string[] = [],
  ): Promise<Child<Request, Ready>> {
    const child = fork(fileURLToPath(new URL(module, import.meta.url)), [JSON.stringify(options)], {
      execArgv: [...process.execArgv, ...nodeOptions],
      serialization: 'advanced',
    });
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`${module} ended with ${code}`);
    });
    ended.catch(() => undefined);
    const [ready] = await Promise.race([once(child, 'message'), ended]);
    return new Child(child, ready as Ready);
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** @throws {Error} what went wrong there */
  ask<T = void>(request: Request): Promise<T> {
    const n = ++this.#asked;
    return new Promise<T>((resolve, reject) => {
      if (this.#process.exitCode !== null) {
        reject(new Error(`a process ended with ${this.#process.exitCode}`));
        return;
      }
      this.#waiting.set(n, { resolve: resolve as (answer: unknown) => void, reject });
      // Heard here, as it would end the bench: one that is being stopped is asked no more.
      this.#process.send({ n, request }, (error) => {
        if (error === null || !this.#waiting.delete(n)) return;
        reject(error);
      });
    });
  }

  /** Ends it, and resolves when it is gone. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const gone = once(this.#process, 'exit');
    this.#process.disconnect();
    // What is too busy to hear it.
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), GRACE);
    await gone;
    clearTimeout(timer);
  }
}
