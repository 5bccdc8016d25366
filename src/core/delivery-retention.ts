/** How long finished deliveries stay on record. */

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
  /** Unfinished ones stay, however old they are. `next` is null at the end of the walk. @throws StoreError */
  removeFinished(step: RetentionStep): Promise<{ readonly removed: number; readonly next: string | null }>;
}
