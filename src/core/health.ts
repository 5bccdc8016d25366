/** What the gateway knows of its own state, for `/health`, `/ready` and `doctor`. */

/** `unknown`: not looked at yet. `off`: not configured. */
export type DependencyState = 'up' | 'down' | 'unknown' | 'off';

export interface ReadinessCheck {
  readonly ok: boolean;
  /** What is wrong and what to do, for people; no secret in it. */
  readonly detail?: string;
  /** Somebody has to do something before this can be ok: waiting does not help. */
  readonly needsOperator?: true;
}

/** `spooling`: webhooks are taken and kept on the local disk, since PostgreSQL takes none at the moment. */
export type ReadinessStatus = 'ready' | 'spooling' | 'not_ready';

export interface Readiness {
  readonly status: ReadinessStatus;
  /** By dependency: `lifecycle`, `memory`, `database`, `ingest`, `spool`, `redis`. */
  readonly checks: Readonly<Record<string, ReadinessCheck>>;
}

/** The last known state; looking at it touches nothing. */
export interface Health {
  readonly database: DependencyState;
  readonly redis: DependencyState;
}
