/** Dispatch on a real PostgreSQL, with the projector that counts. */
import type { OwedEvent, ProjectionFailure } from '../../src/core/dispatch.ts';
import type { DispatcherOptions } from '../../src/dispatch/dispatcher.ts';
import { createDispatchPool } from '../../src/storage/postgres/dispatch-pool.ts';
import { createProjectionStore } from '../../src/storage/postgres/projection-store.ts';
import { countingProjector } from './counting-projector.ts';

export interface DispatchPlace {
  /** For a dispatcher or a worker; failed events are due again at once. */
  readonly options: DispatcherOptions;
  readonly dispatched: OwedEvent[];
  readonly failures: ProjectionFailure[];
  /** Times that a table was found missing. */
  missing(): number;
  close(): Promise<void>;
}

/** With a connection of its own, as each process has one. @param timeoutMs for a statement */
export function openDispatch(databaseUrl: string, timeoutMs?: number): DispatchPlace {
  const pool = createDispatchPool(databaseUrl, timeoutMs);
  const dispatched: OwedEvent[] = [];
  const failures: ProjectionFailure[] = [];
  let missing = 0;
  const store = createProjectionStore({
    pool,
    readCounts: () => Promise.reject(new Error('nobody counts here')),
    onTablesMissing: () => void missing++,
  });
  return {
    options: {
      store,
      projectors: { stripe: countingProjector },
      // In the past: the column has whole milliseconds, and its rounding would put `now` into the future.
      retryDelays: Array(7).fill(-1_000),
      busy: () => false,
      listener: {
        onDispatched: (events) => void dispatched.push(...events),
        onFailed: (failure) => void failures.push(failure),
      },
      clock: () => new Date(),
    },
    dispatched,
    failures,
    missing: () => missing,
    close: () => pool.close(),
  };
}
