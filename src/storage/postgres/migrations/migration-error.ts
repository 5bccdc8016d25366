/** Why the tables could not be brought up to date, in words that an operator can act on. */
import { DriverAdapterError } from '@prisma/driver-adapter-utils';
import pg from 'pg';
import { StartupError } from '../../../core/errors.ts';

/**
 * - `unreachable`: there is no connection, or it was lost; PostgreSQL may be back at any moment.
 * - `busy`: another process is applying migrations.
 * - `failed`: PostgreSQL refused something. The same may succeed later (a lock, a right granted meanwhile).
 */
export type MigrationErrorKind = 'unreachable' | 'busy' | 'failed';

/** What `applyMigrations` rejects with. The message holds neither the URL nor the password. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
  readonly kind: MigrationErrorKind;
  /** The five-character code of PostgreSQL, where it gave one. */
  readonly sqlState: string | undefined;

  constructor(kind: MigrationErrorKind, message: string, sqlState?: string) {
    super(message);
    this.kind = kind;
    this.sqlState = sqlState;
  }
}

/**
 * An error of `pg` or of Prisma as a `MigrationError`. `task` completes "Cannot …".
 * SQLSTATEs that say that the server is starting, stopping or full make it `unreachable`, whatever `kind` says.
 */
export function migrationError(kind: MigrationErrorKind, task: string, error: unknown): MigrationError | StartupError {
  // A StartupError stays one: no second attempt mends an incomplete installation.
  if (error instanceof MigrationError || error instanceof StartupError) return error;
  const { message, sqlState } = postgresFault(error);
  const transient = sqlState !== undefined && /^(08|57P|53300)/.test(sqlState);
  const code = sqlState === undefined ? '' : ` (${sqlState})`;
  const advice = sqlState === undefined ? '' : (ADVICE[sqlState] ?? '');
  return new MigrationError(transient ? 'unreachable' : kind, `Cannot ${task}: ${message}${code}${advice}`, sqlState);
}

const OCCUPIED =
  '. Something that is not the gateway’s has that name: give the gateway a database or a schema of its own';

const ADVICE: Readonly<Record<string, string>> = {
  '25006': '. Point DATABASE_URL at the primary server, with a role that may write',
  '3D000': '. Create the database, or correct its name in DATABASE_URL',
  '42501': '. Make the role the owner of the database, or grant it USAGE and CREATE on the schema',
  '42710': OCCUPIED,
  '42P07': OCCUPIED,
  '55P03': '. Another session holds a lock; nothing was changed',
};

/** PostgreSQL's own message and code, from wherever Prisma's adapter has put them. */
export function postgresFault(error: unknown): { readonly message: string; readonly sqlState: string | undefined } {
  if (error instanceof pg.DatabaseError) return { message: error.message, sqlState: error.code };
  if (error instanceof DriverAdapterError) {
    const { originalMessage, originalCode, kind } = error.cause;
    return { message: originalMessage ?? kind, sqlState: originalCode };
  }
  // What Node gives where a name has several addresses: its own message is empty.
  if (error instanceof AggregateError) return postgresFault(error.errors[0]);
  return { message: error instanceof Error ? error.message : String(error), sqlState: undefined };
}
