import { randomBytes } from 'node:crypto';
import { Child } from './child.ts';
import { Crowd, type CrowdTurn } from './fanout-crowd.ts';
import type { FanoutPlan, FanoutPlanSettings } from './fanout-plan.ts';
import { PATHS, type Target, type TargetKind } from './fanout-targets.ts';
import { pin } from './rest-process.ts';
import type { NearcastOptions } from './servers/nearcast.ts';
import type { RoomsOptions } from './servers/rooms.ts';
import type { Listening, ServerRequest, ServerUsage } from './servers/serve.ts';

/** What one server did in one turn. */
export interface FanoutTurn extends CrowdTurn {
  /** Processor time in seconds. */
  readonly server: number;
  /** Bytes. */
  readonly rss: number;
}

/** A server, and what it is called. */
export interface Contestant {
  readonly name: string;
  readonly kind: TargetKind;
  readonly server: Child<ServerRequest, Listening>;
}

/** How the stage is set. */
export interface StageSettings {
  readonly plan: FanoutPlanSettings;
  readonly kinds: readonly TargetKind[];
  /** H3's, of the cells that are rooms. */
  readonly resolution: number;
  readonly gateways: number;
  /** Processes over which the watchers are spread. */
  readonly watcherProcesses: number;
  readonly pin: boolean;
}

const NAMES: Readonly<Record<TargetKind, string>> = {
  broadcast: 'bare ws broadcast',
  nearcast: 'Nearcast',
  rooms: 'Socket.IO, H3 rooms',
};

/** Servers, and those who drive and watch, each in processes of their own. */
export class Stage {
  readonly contestants: readonly Contestant[];
  readonly #crowd: Crowd;

  private constructor(contestants: readonly Contestant[], crowd: Crowd) {
    this.contestants = contestants;
    this.#crowd = crowd;
  }

  /** @param atEnd gets what must be called in the end, even when this fails */
  static async set(settings: StageSettings, atEnd: (() => unknown)[]): Promise<Stage> {
    const secret = randomBytes(32).toString('hex');
    const { resolution } = settings;
    const serverOptions: NearcastOptions & RoomsOptions = { secret, store: { kind: 'memory' }, resolution };
    const contestants: Contestant[] = [];
    for (const kind of settings.kinds) {
      const server = await Child.start<ServerRequest, Listening>(`servers/${kind}.ts`, serverOptions);
      atEnd.push(() => server.stop());
      if (settings.pin) pin(server.pid, 'last');
      contestants.push({ name: NAMES[kind], kind, server });
    }
    const targets = contestants.map(
      ({ kind, server }): Target => ({ kind, ports: [server.ready.port], path: PATHS[kind] }),
    );
    const crowd = await Crowd.gather({ ...settings, targets, secret, homeOf: () => 0 }, atEnd);
    return new Stage(contestants, crowd);
  }

  get plan(): FanoutPlan {
    return this.#crowd.plan;
  }

  /** Drives to one server for a while. */
  async turn(target: number, seconds: number, perSecond: number): Promise<FanoutTurn> {
    const { server } = this.contestants[target];
    const before = await server.ask<ServerUsage>({ do: 'usage' });
    const turn = await this.#crowd.turn(target, seconds, perSecond);
    const after = await server.ask<ServerUsage>({ do: 'usage' });
    return { ...turn, server: (after.cpu - before.cpu) / 1e6, rss: after.rss };
  }

  /** See {@link Crowd.verify}. */
  verify(target: number): Promise<string[]> {
    return this.#crowd.verify(target);
  }
}
