/** Replays on a real PostgreSQL: the job's store, and what operators do with it. */
import type { Change } from '../../src/core/audit.ts';
import type { PlanReplay, ReplayOrder, ReplayStep } from '../../src/core/replay.ts';
import { rowId } from '../../src/core/row-id.ts';
import { createReplayPlanner } from '../../src/replay/plan-replay.ts';
import { createAuditWriter } from '../../src/storage/postgres/audit-log.ts';
import { createChanges } from '../../src/storage/postgres/change.ts';
import { createSharedPrisma } from '../../src/storage/postgres/prisma.ts';
import { createReplayAdmin } from '../../src/storage/postgres/replay-admin-store.ts';
import { createReplayPool } from '../../src/storage/postgres/replay-pool.ts';
import { createReplayStore } from '../../src/storage/postgres/replay-store.ts';

export const REPLAY_CHANGE: Change = { actor: 'test', ip: '::1', action: 'replay.test', target: null, details: null };

/** Steps of one process. */
export function openReplaySteps(databaseUrl: string, plan: PlanReplay = createReplayPlanner(() => undefined)) {
  const pool = createReplayPool(databaseUrl);
  const store = createReplayStore({ pool, onTablesMissing: () => undefined });
  return {
    store,
    step: () => store.step(plan),
    /** Until nothing is due. */
    async all(): Promise<ReplayStep[]> {
      const steps: ReplayStep[] = [];
      for (let step = await store.step(plan); step !== null; step = await store.step(plan)) steps.push(step);
      return steps;
    },
    close: () => pool.close(),
  };
}

export function openReplayAdmin(databaseUrl: string) {
  const connection = { databaseUrl, applicationName: 'test', connectTimeoutMs: 5_000, queryTimeoutMs: 5_000 };
  const shared = createSharedPrisma(connection, 2);
  const makeChange = createChanges(shared.prisma, createAuditWriter(30));
  const admin = createReplayAdmin({ prisma: shared.prisma, makeChange });
  return {
    admin,
    /** Everything of the last day, to everybody, unless it says otherwise. @returns its id */
    async order(more: Partial<ReplayOrder> = {}): Promise<string> {
      const now = Date.now();
      const scope = {
        kind: 'filter',
        filter: { sources: null, types: ['*'], condition: null },
        from: new Date(now - 86_400_000),
        to: new Date(now),
      } as const;
      const order = { id: rowId(), scope, destinationIds: null, ignoreFilter: false, ratePerSecond: null, ...more };
      await admin.create(order, REPLAY_CHANGE);
      return order.id;
    },
    close: () => shared.close(),
  };
}
