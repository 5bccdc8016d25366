/** Dispatch on a real PostgreSQL, with the projector that counts. */
import type { OwedEvent, ProjectionFailure } from '../../src/core/dispatch.ts';
import type { DispatcherOptions } from '../../src/dispatch/dispatcher.ts';
import { createRouter, type RouteFault } from '../../src/dispatch/route.ts';
import { createDispatchPool } from '../../src/storage/postgres/dispatch-pool.ts';
import { createProjectionStore } from '../../src/storage/postgres/projection-store.ts';
import { countingProjector } from './counting-projector.ts';

export interface DispatchPlace {
  /** For a dispatcher or a worker; failed events are due again at once. */
  readonly options: DispatcherOptions;
  readonly dispatched: OwedEvent[];
  readonly failures: ProjectionFailure[];
  readonly routeFaults: RouteFault[];
  /** Deliveries that batches said to have made. */
  routed(): number;
  /** Positions that batches said to have given. */
  placed(): number;
  /** Times that a table was found missing. */
  missing(): number;
  close(): Promise<void>;
}

/** With a connection of its own, as each process has one. @param timeoutMs for a statement */
export function openDispatch(databaseUrl: string, timeoutMs?: number): DispatchPlace {
  const pool = createDispatchPool(databaseUrl, timeoutMs);
  const dispatched: OwedEvent[] = [];
  const failures: ProjectionFailure[] = [];
  const routeFaults: RouteFault[] = [];
  let routed = 0;
  let placed = 0;
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
      route: createRouter(),
      // In the past: the column has whole milliseconds, and its rounding would put `now` into the future.
      retryDelays: Array(7).fill(-1_000),
      busy: () => false,
      listener: {
        onDispatched: (events) => void dispatched.push(...events),
        onFailed: (failure) => void failures.push(failure),
        onRouted(deliveries) {
          routed += deliveries;
        },
        onPositions(events) {
          placed += events;
        },
        onRouteFaults: (faults) => void routeFaults.push(...faults),
      },
      clock: () => new Date(),
    },
    dispatched,
    failures,
    routeFaults,
    routed: () => routed,
    placed: () => placed,
    missing: () => missing,
    close: () => pool.close(),
  };
}
