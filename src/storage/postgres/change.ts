/** One change over the API: the rows and the entry of the audit log in one transaction. */
import type { Change } from '../../core/audit.ts';
import { Refusal } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';
import { SecretBoxError } from '../../core/secret-box.ts';
import type { PrismaClient } from '../../generated/prisma/client.ts';
import type { Transaction, WriteAudit } from './audit-log.ts';
import { toStoreError } from './store-error.ts';

/** Milliseconds for a connection, and for the whole of a transaction. */
const MAX_WAIT = 2_000;
const TRANSACTION_TIMEOUT = 8_000;
/** After a deadlock. */
const MAX_ATTEMPTS = 4;

/** What came of it. */
export interface Changed<T> {
  readonly result: T;
  /** False if nothing was to be changed: then nothing is written to the audit log. */
  readonly changed: boolean;
  /** For the audit log, what only the transaction could tell. */
  readonly found?: JsonObject;
}

/** @throws StoreError; a Refusal or a SecretBoxError of `work` passes as it is */
export type MakeChange = <T>(change: Change, work: (transaction: Transaction) => Promise<Changed<T>>) => Promise<T>;

export function createChanges(prisma: PrismaClient, writeAudit: WriteAudit): MakeChange {
  return async (change, work) => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await prisma.$transaction(
          async (transaction) => {
            const { result, changed, found } = await work(transaction);
            if (changed) await writeAudit(transaction, change, found);
            return result;
          },
          { maxWait: MAX_WAIT, timeout: TRANSACTION_TIMEOUT },
        );
      } catch (error) {
        if (error instanceof Refusal || error instanceof SecretBoxError) throw error;
        const storeError = toStoreError(error);
        // Workers lock some of the same rows in an order of their own. Nothing has happened.
        if (storeError.fault !== 'contention' || attempt === MAX_ATTEMPTS) throw storeError;
      }
    }
  };
}
