import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What of a .cpuprofile is read. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

/** A function and the time spent in itself. */
export interface SelfTime {
  readonly name: string;
  readonly place: string;
  readonly milliseconds: number;
  /** Of the time in which the process was not idle. */
  readonly share: number;
}

const IDLE = '(idle)';

/** The functions, that with the most time spent in itself first. */
export function selfTimes({ nodes, samples, timeDeltas }: CpuProfile): SelfTime[] {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const times = new Map<string, { name: string; place: string; milliseconds: number }>();
  for (const [i, id] of samples.entries()) {
    const frame = frames.get(id);
    if (frame === undefined || frame.functionName === IDLE) continue;
    const name = frame.functionName || '(anonymous)';
    const place = frame.url === '' ? '' : `${shorten(frame.url)}:${frame.lineNumber + 1}`;
    const key = `${name} ${place}`;
    const entry = times.get(key) ?? { name, place, milliseconds: 0 };
    // What passes after a sample is taken to be spent where the sample was.
    entry.milliseconds += (timeDeltas[i + 1] ?? 0) / 1000;
    times.set(key, entry);
  }
  const total = [...times.values()].reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  return [...times.values()]
    .sort((a, b) => b.milliseconds - a.milliseconds)
    .map((entry) => ({ ...entry, share: entry.milliseconds / total }));
}

function shorten(url: string): string {
  return url.startsWith('file:') ? relative(process.cwd(), fileURLToPath(url)) : url;
}
