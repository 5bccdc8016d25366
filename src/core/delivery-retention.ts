/** How long finished deliveries, and replays, stay on record. */

export interface RetentionStep {
  /** Delivered and cancelled ones that were so before this time go. */
  readonly finishedBefore: Date;
  /** Dead ones that were so before this time go. */
  readonly deadBefore: Date;
  /** `next` of the step before; null: from the oldest. */
  readonly after: string | null;
  /** Deliveries looked at. */
  readonly limit: number;
}

export interface DeliveryRetention {
  /**
   * Unfinished ones stay, however old they are. `next` is null at the end of the walk. With its first step go the followers that
   * have not been seen for `FOLLOWER_DAYS`.
   *
   * @throws StoreError
   */
  removeFinished(step: RetentionStep): Promise<{ readonly removed: number; readonly next: string | null }>;
  /** Some of those that ended before that time; not while one of their deliveries is unfinished. @throws StoreError */
  removeReplays(finishedBefore: Date): Promise<void>;
}
