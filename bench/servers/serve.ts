import { setTimeout as delay } from 'node:timers/promises';
import { writeHeapSnapshot } from 'node:v8';
import { answerParent } from '../in-child.ts';
import { Profiler } from './profiler.ts';

/** What every server of a bench can be asked. */
export type ServerRequest =
  | { readonly do: 'usage' }
  | { readonly do: 'weigh' }
  | { readonly do: 'profile' }
  | { readonly do: 'write profile'; readonly file: string }
  | { readonly do: 'write heap'; readonly file: string };

/** Where a server listens. */
export interface Listening {
  readonly port: number;
}

/** What a server has used. */
export interface ServerUsage {
  /** Microseconds of processor time of all its threads since its start. */
  readonly cpu: number;
  /** Bytes. */
  readonly rss: number;
}

/** What a server holds, in bytes, garbage left out as far as Node lets go of it. */
export interface ServerWeight {
  /** After ordinary collections, which leave holes. */
  readonly rss: number;
  /** After the collector has done all that it can to give memory back. */
  readonly packed: number;
  readonly heap: number;
  /** Outside of the heap: buffers among them. */
  readonly external: number;
}

/** The collector gives pages back bit by bit, and so does the system's allocator. */
const COLLECTIONS = 6;
const PAUSE = 150;

/** Tells the parent where a server listens, and does what it asks from then on. */
export function serve(port: number, atEnd?: () => void | Promise<void>): void {
  const profiler = new Profiler();
  answerParent<ServerRequest>(
    { port } satisfies Listening,
    async (request) => {
      switch (request.do) {
        case 'usage': {
          const { user, system } = process.cpuUsage();
          return { cpu: user + system, rss: process.memoryUsage.rss() } satisfies ServerUsage;
        }
        case 'weigh':
          return weigh();
        case 'profile':
          return profiler.start();
        case 'write profile':
          return profiler.write(request.file);
        case 'write heap':
          return writeHeapSnapshot(request.file);
      }
    },
    atEnd,
  );
}

/** Needs --expose-gc. */
async function weigh(): Promise<ServerWeight> {
  const collect = async (options?: { type: 'major'; execution: 'sync'; flavor: 'last-resort' }) => {
    for (let i = 0; i < COLLECTIONS; i++) {
      globalThis.gc?.(options as never);
      await delay(PAUSE);
    }
    return process.memoryUsage();
  };
  const { rss } = await collect();
  const {
    rss: packed,
    heapUsed: heap,
    external,
  } = await collect({
    type: 'major',
    execution: 'sync',
    flavor: 'last-resort',
  });
  return { rss, packed, heap, external };
}
