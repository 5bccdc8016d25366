/** What the gateway knows of its own state, for `/health`, `/ready` and `doctor`. */

/** `unknown`: not looked at yet. `off`: not configured. */
export type DependencyState = 'up' | 'down' | 'unknown' | 'off';

export interface ReadinessCheck {
  readonly ok: boolean;
  /** What is wrong and what to do, for people; no secret in it. */
  readonly detail?: string;
}

export interface Readiness {
  readonly ready: boolean;
  /** By dependency: `lifecycle`, `database`, `ingest`, `redis`. */
  readonly checks: Readonly<Record<string, ReadinessCheck>>;
}

/** The last known state; looking at it touches nothing. */
export interface Health {
  readonly database: DependencyState;
  readonly redis: DependencyState;
}
