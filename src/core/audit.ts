/** Who changed what: written in the transaction of the change, so that neither is there without the other. */
import type { JsonObject } from './json.ts';
import type { Page, PageRequest } from './page.ts';

/** Who calls. */
export interface Actor {
  /** Id of an API key, or `ADMIN_API_KEY`. */
  readonly actor: string;
  /** Address of the caller. */
  readonly ip: string;
}

/** What a change is to be remembered by. */
export interface Change extends Actor {
  /** For instance `destination.pause`. */
  readonly action: string;
  /** Id of what is changed; null where that is not one thing. */
  readonly target: string | null;
  /** What helps to understand it: names of fields, counts; never a secret, a header's value or anything of a body. */
  readonly details: JsonObject | null;
}

export interface AuditEntry extends Change {
  /** UUID v7. */
  readonly id: string;
  readonly at: Date;
}

export interface AuditStore {
  /** @throws StoreError */
  list(page: PageRequest): Promise<Page<AuditEntry>>;
}
