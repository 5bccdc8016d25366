/** Checks PostgreSQL as the daemon would use it: reachable, migrated, writable, durable. Reads only. */
import type { RetentionLimits } from '../../core/retention.ts';
import { serverAddress } from '../../server-address.ts';
import { durabilityWarnings } from '../../storage/postgres/durability.ts';
import { migrationHistory } from '../../storage/postgres/migrations/apply.ts';
import type { MigrationHistory } from '../../storage/postgres/migrations/history.ts';
import { MigrationError } from '../../storage/postgres/migrations/migration-error.ts';
import { createSharedPrisma, type SharedPrisma } from '../../storage/postgres/prisma.ts';
import { toStoreError } from '../../storage/postgres/store-error.ts';
import { checkDestinations } from './destinations.ts';
import { checkDispatch } from './dispatch.ts';
import { type Finding, fault, ok, warning } from './finding.ts';
import { checkRetention } from './retention.ts';
import { describeRows } from './row-counts.ts';

/** Milliseconds for any one question. */
const TIME_LIMIT = 5_000;
/** As `server_version_num` has it. */
const OLDEST_VERSION = 130_000;
/** Half of the least tolerance that anybody sets for Stripe's signed time. */
const CLOCK_SKEW_SECONDS = 30;

type Prisma = SharedPrisma['prisma'];

export interface DatabaseCheckOptions {
  readonly databaseUrl: string;
  /** Whether the daemon applies migrations itself. */
  readonly migrateOnStart: boolean;
  readonly retention: RetentionLimits;
  /** As the daemon would have them; null in a role that needs none. */
  readonly encryptionKeys: readonly string[] | null;
}

export async function checkDatabase(options: DatabaseCheckOptions): Promise<Finding[]> {
  const { databaseUrl, migrateOnStart, retention, encryptionKeys } = options;
  let history: MigrationHistory;
  try {
    history = await migrationHistory({ databaseUrl }, { signal: AbortSignal.timeout(2 * TIME_LIMIT) });
  } catch (error) {
    if (!(error instanceof MigrationError)) throw error;
    return [fault(`${serverAddress(databaseUrl)}: ${error.message}`, connectionAdvice(error))];
  }
  const connection = {
    databaseUrl,
    applicationName: 'webhook-gateway doctor',
    connectTimeoutMs: TIME_LIMIT,
    queryTimeoutMs: TIME_LIMIT,
  };
  const { prisma, close } = createSharedPrisma(connection, 1);
  try {
    return [
      ...(await checkServer(prisma, serverAddress(databaseUrl))),
      ...checkMigrations(history, migrateOnStart),
      ...(await checkDurability(prisma)),
      ok(`rows: ${await describeRows(prisma)}`),
      ...(history.pending.length === 0 ? await checkDispatch(prisma) : []),
      ...(history.pending.length === 0 ? await checkRetention(prisma, retention) : []),
      ...(history.pending.length === 0 && encryptionKeys !== null
        ? await checkDestinations(prisma, encryptionKeys)
        : []),
    ];
  } catch (error) {
    // Prisma's own message quotes the statement.
    return [fault(`${serverAddress(databaseUrl)}: ${toStoreError(error).message}`, 'See the log of the server.')];
  } finally {
    await close();
  }
}

/** What to do where the message does not say it already. */
function connectionAdvice({ kind, sqlState }: MigrationError): string | undefined {
  if (sqlState?.startsWith('28')) return 'Correct user and password in DATABASE_URL, or the server’s pg_hba.conf.';
  if (kind !== 'unreachable') return undefined;
  return 'See that PostgreSQL runs, and that DATABASE_URL names its host and port as this machine reaches them.';
}

async function checkServer(prisma: Prisma, address: string): Promise<Finding[]> {
  // With sslmode=prefer the first connection to a server without TLS fails, and the next is made without it.
  const facts = await readFacts(prisma).catch(() => readFacts(prisma));
  const latency = await latencyOf(prisma);
  const findings = [ok(`${address} answers in ${latency.toFixed(1)} ms, PostgreSQL ${facts.version}`)];
  if (facts.number < OLDEST_VERSION) {
    findings.push(fault(`PostgreSQL ${facts.version} is too old`, 'The gateway needs PostgreSQL 13 or later.'));
  }
  if (facts.readOnly) {
    findings.push(fault('the server takes no rows: it is read-only', 'Point DATABASE_URL at the primary server.'));
  }
  const skew = Math.abs(facts.seconds - Date.now() / 1000);
  if (skew > CLOCK_SKEW_SECONDS) {
    const text = `the clocks of this machine and of PostgreSQL differ by ${Math.round(skew)} s`;
    findings.push(warning(text, 'Set both by NTP: Stripe’s signatures hold for STRIPE_TOLERANCE_SECONDS only.'));
  }
  return findings;
}

/** In milliseconds; the least of a few, because the first of a kind is slow in the client. */
async function latencyOf(prisma: Prisma): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let time = 0; time < 3; time++) {
    const askedAt = performance.now();
    await prisma.$queryRaw`SELECT 1`;
    least = Math.min(least, performance.now() - askedAt);
  }
  return least;
}

interface Facts {
  readonly version: string;
  readonly number: number;
  readonly readOnly: boolean;
  /** The server's clock, in Unix seconds. */
  readonly seconds: number;
}

async function readFacts(prisma: Prisma): Promise<Facts> {
  const [facts] = await prisma.$queryRaw<Facts[]>`
    SELECT split_part(current_setting('server_version'), ' ', 1) AS version,
           current_setting('server_version_num')::int AS number,
           pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' AS "readOnly",
           extract(epoch FROM clock_timestamp())::float8 AS seconds`;
  if (facts === undefined) throw new Error('PostgreSQL answered without a row');
  return facts;
}

function checkMigrations({ pending, unknown, edited }: MigrationHistory, migrateOnStart: boolean): Finding[] {
  const findings =
    pending.length === 0 ? [ok('the tables are up to date')] : [pendingMigrations(pending, migrateOnStart)];
  if (unknown.length > 0) findings.push(ok(`a newer release has migrated it: ${unknown.join(', ')}`));
  if (edited.length > 0) {
    const text = `changed after they had been applied: ${edited.join(', ')}`;
    findings.push(warning(text, 'Bring the files in prisma/migrations back: the tables may not be as expected.'));
  }
  return findings;
}

function pendingMigrations(pending: readonly string[], migrateOnStart: boolean): Finding {
  const text = `migrations are pending: ${pending.join(', ')}`;
  if (migrateOnStart) return warning(text, 'The next start applies them; `npm run migrate` does so now.');
  return fault(
    text,
    'Run `npm run migrate`: MIGRATE_ON_START is false, and until then webhooks go to the spool and /ready is 503.',
  );
}

async function checkDurability(prisma: Prisma): Promise<Finding[]> {
  const warnings = await durabilityWarnings(prisma);
  return warnings.length === 0 ? [ok('commits are durable')] : warnings.map((text) => warning(text));
}
