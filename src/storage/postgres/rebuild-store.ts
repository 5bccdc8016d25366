/** Rebuilds on PostgreSQL: which one is unfinished, and whose turn it is. */
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import type { RebuildBeginning, RebuildScope, RebuildStore, UnfinishedRebuild } from '../../core/rebuild.ts';
import { rowId } from '../../core/row-id.ts';
import { createRebuild } from './rebuild-batches.ts';
import { eventsRemoved } from './rebuild-emptying.ts';
import { LEASE_END } from './rebuild-lease.ts';
import { surveyRebuild } from './rebuild-survey.ts';
import { cursorAtStart } from './rebuild-window.ts';
import { toStoreError } from './store-error.ts';
import { createTransactionPool } from './transaction-pool.ts';

/** Milliseconds for a statement. */
const STATEMENT_TIMEOUT = 10_000;

/** Whoever begins waits for the batch of another process, if one is under way, and then sees that it is at work. */
const ONE_AT_A_TIME = 'LOCK TABLE projection_rebuilds IN SHARE ROW EXCLUSIVE MODE';

const UNFINISHED = `
SELECT id, tables, from_time AS "from", started_at AS "startedAt", emptied_at IS NOT NULL AS emptied, last_event_id IS NOT NULL AS measured,
       events_read::float8 AS "eventsRead",
       greatest(0, extract(epoch FROM lease_until - clock_timestamp()) * 1000)::float8 AS "leaseMs"
  FROM projection_rebuilds WHERE finished_at IS NULL ORDER BY started_at DESC LIMIT 1`;
const FORGET = 'DELETE FROM projection_rebuilds WHERE finished_at IS NULL';
const TAKE_UP = `UPDATE projection_rebuilds SET owner = $2::uuid, lease_until = ${LEASE_END} WHERE id = $1::uuid`;
const BEGIN = `
INSERT INTO projection_rebuilds (id, tables, from_time, cursor_event_id, owner, lease_until)
VALUES ($1::uuid, $2::text[], $3, $4::uuid, $5::uuid, ${LEASE_END})`;

type Row = UnfinishedRebuild & { readonly id: string };

/** With a connection of its own, made when it is needed. */
export function createRebuildStore(databaseUrl: string, timeoutMs = STATEMENT_TIMEOUT): RebuildStore {
  const applicationName = 'webhook-gateway rebuild';
  const pool = createTransactionPool({ databaseUrl, applicationName, timeoutMs });
  const owner = randomUUID();
  const ask = <T>(work: (client: pg.ClientBase) => Promise<T>): Promise<T> =>
    pool.transaction(work).catch((error) => Promise.reject(toStoreError(error)));
  return {
    unfinished: () => ask(readUnfinished),
    eventsRemoved: () => ask(eventsRemoved),
    async begin(scope, { restart }) {
      const begun = await ask((client) => begin(client, scope, owner, restart));
      if ('unfinished' in begun) return begun;
      const { id, outcome, state } = begun;
      const held = { id, owner, full: scope.from === null };
      return { outcome, rebuild: createRebuild({ pool, held, scope, state }) };
    },
    survey: (scope, options) => surveyRebuild({ databaseUrl, applicationName }, scope, options),
    close: () => pool.close(),
  };
}

async function readUnfinished(client: pg.ClientBase): Promise<Row | null> {
  const { rows } = await client.query<Row>(UNFINISHED);
  return rows[0] ?? null;
}

interface Begun {
  readonly outcome: 'begun' | 'resumed';
  readonly id: string;
  readonly state: UnfinishedRebuild;
}

async function begin(
  client: pg.ClientBase,
  scope: RebuildScope,
  owner: string,
  restart: boolean,
): Promise<Begun | Extract<RebuildBeginning, { readonly unfinished: unknown }>> {
  await client.query(ONE_AT_A_TIME);
  const unfinished = await readUnfinished(client);
  if (unfinished !== null) {
    if (unfinished.leaseMs > 0) return { outcome: 'held', unfinished };
    if (!restart) {
      if (!isSame(unfinished, scope)) return { outcome: 'other', unfinished };
      await client.query(TAKE_UP, [unfinished.id, owner]);
      return { outcome: 'resumed', id: unfinished.id, state: unfinished };
    }
    if (!fillsAgain(unfinished, scope)) return { outcome: 'uncovered', unfinished };
    await client.query(FORGET);
  }
  const id = rowId();
  await client.query(BEGIN, [id, namesOf(scope), scope.from, cursorAtStart(scope), owner]);
  const state = (await readUnfinished(client)) ?? Promise.reject(new Error('the row has just been written'));
  return { outcome: 'begun', id, state: await state };
}

function isSame({ tables, from }: UnfinishedRebuild, scope: RebuildScope): boolean {
  return from?.getTime() === scope.from?.getTime() && tables.join() === namesOf(scope).join();
}

/** Whatever the unfinished one has emptied and not filled again. */
function fillsAgain({ tables, emptied }: UnfinishedRebuild, scope: RebuildScope): boolean {
  return !emptied || (scope.from === null && tables.every((table) => namesOf(scope).includes(table)));
}

function namesOf({ tables }: RebuildScope): string[] {
  return tables.map(({ name }) => name);
}
