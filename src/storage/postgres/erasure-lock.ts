/**
 * Keeps other erasures and rebuilds away for as long as an erasure takes: two erasures would each project the other's events,
 * and a rebuild those that are about to go.
 *
 * A lock on the table in which rebuilds write at every batch, held by a transaction that does nothing else. Having neither a
 * snapshot nor an id, it keeps vacuum from nothing; it ends with the process.
 */
import pg from 'pg';
import type { ErasureLock } from '../../core/erasure.ts';
import { connectionConfig } from './connection.ts';
import { sqlStateOf } from './store-error.ts';

/** Milliseconds for a connection, and for a statement: longer than a batch of a rebuild is waited for. */
const CONNECT_TIMEOUT = 2_000;
const STATEMENT_TIMEOUT = 10_000;

const LOCK = `
BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL lock_timeout = '3s';
LOCK TABLE projection_rebuilds IN SHARE ROW EXCLUSIVE MODE`;
/** One whose process was killed may go on later: what it has read is applied, and what it reads then has been erased. */
const REBUILD_AT_WORK = `
SELECT EXISTS (SELECT FROM projection_rebuilds WHERE finished_at IS NULL AND lease_until > clock_timestamp()) AS "atWork"`;
const LOCK_NOT_AVAILABLE = '55P03';

export async function lockErasure(databaseUrl: string): Promise<ErasureLock | 'held'> {
  const limits = { connectTimeoutMs: CONNECT_TIMEOUT, queryTimeoutMs: STATEMENT_TIMEOUT };
  const client = new pg.Client(connectionConfig({ databaseUrl, applicationName: 'webhook-gateway erase', ...limits }));
  const lost = new AbortController();
  client.on('error', () => lost.abort('lock'));
  client.on('end', () => lost.abort('lock'));
  const release = () => client.end().catch(() => undefined);
  try {
    await client.connect();
    await client.query(LOCK);
    const { rows } = await client.query<{ atWork: boolean }>(REBUILD_AT_WORK);
    if (rows[0]?.atWork !== true) return { lost: lost.signal, release };
  } catch (error) {
    await release();
    if (sqlStateOf(error) !== LOCK_NOT_AVAILABLE) throw error;
    return 'held';
  }
  await release();
  return 'held';
}
