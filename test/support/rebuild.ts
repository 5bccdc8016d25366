/** Rebuilds on a real PostgreSQL, with the projector whose rows hold their events. */
import type { ProjectionFailure } from '../../src/core/dispatch.ts';
import type { Rebuild, RebuildProgress, RebuildScope, RebuildStore } from '../../src/core/rebuild.ts';
import type { Projectors } from '../../src/dispatch/project-batch.ts';
import { type RebuildEnd, runRebuild } from '../../src/rebuild/run-rebuild.ts';
import { projectorsOf, scopeOf } from '../../src/rebuild/scope.ts';
import { createRebuildStore } from '../../src/storage/postgres/rebuild-store.ts';
import { memberProjector } from './member-projector.ts';

export const MEMBER_PROJECTORS: Projectors = { stripe: memberProjector };

export const scope = (...names: string[]): RebuildScope => scopeOf(names, null, MEMBER_PROJECTORS);
export const scopeFrom = (from: Date): RebuildScope => scopeOf([], from, MEMBER_PROJECTORS);

export interface RebuildPlace {
  readonly store: RebuildStore;
  /** Throws unless it may begin, or go on. */
  begin(scope: RebuildScope, restart?: boolean): Promise<Rebuild>;
  run(rebuild: Rebuild, scope: RebuildScope, more?: FollowOptions): Promise<FollowedRebuild>;
  close(): Promise<void>;
}

export interface FollowOptions {
  readonly acceptLoss?: boolean;
  readonly signal?: AbortSignal;
  readonly projectors?: Projectors;
  readonly onProgress?: (progress: RebuildProgress) => void;
  readonly onWaiting?: (reason: string, inUse: boolean) => void;
}

export interface FollowedRebuild {
  readonly end: RebuildEnd;
  readonly last: RebuildProgress;
  readonly failures: readonly ProjectionFailure[];
  /** What was said of waits, and that it went on. */
  readonly said: readonly string[];
}

/** With a connection of its own, as each process has one. */
export function openRebuild(databaseUrl: string, timeoutMs?: number): RebuildPlace {
  const store = createRebuildStore(databaseUrl, timeoutMs);
  return {
    store,
    async begin(wanted, restart = false) {
      const beginning = await store.begin(wanted, { restart });
      if ('unfinished' in beginning) throw new Error(beginning.outcome);
      return beginning.rebuild;
    },
    async run(rebuild, wanted, { projectors = MEMBER_PROJECTORS, ...more } = {}) {
      const failures: ProjectionFailure[] = [];
      const said: string[] = [];
      let last: RebuildProgress = { eventsRead: 0, eventsTotal: null, eventsFailed: 0, ended: false };
      const end = await runRebuild(rebuild, {
        projectors: projectorsOf(wanted, projectors),
        acceptLoss: more.acceptLoss ?? false,
        signal: more.signal ?? new AbortController().signal,
        listener: {
          onProgress(progress) {
            last = progress;
            more.onProgress?.(progress);
          },
          onFailed: (failure) => void failures.push(failure),
          onWaiting(reason, inUse) {
            said.push(reason);
            more.onWaiting?.(reason, inUse);
          },
          onGoingOn: () => void said.push('goes on'),
        },
      });
      return { end, last, failures, said };
    },
    close: () => store.close(),
  };
}
