/** A database in which WhatsApp bodies are stored and projected as the daemon does it, and from which people are erased. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { expect } from 'vitest';
import type { ErasureStore } from '../../src/core/erasure.ts';
import { rowId } from '../../src/core/row-id.ts';
import { dispatchBatch } from '../../src/dispatch/dispatch-batch.ts';
import { routeNowhere } from '../../src/dispatch/route.ts';
import { type EraseOptions, erasePerson } from '../../src/erasure/erase-person.ts';
import type { ErasureReport } from '../../src/erasure/report.ts';
import { requestFromWebhook } from '../../src/ingest/verified-request.ts';
import { projectors } from '../../src/providers/projectors.ts';
import { eraser } from '../../src/providers/whatsapp/erasure/eraser.ts';
import { whatsapp } from '../../src/providers/whatsapp/index.ts';
import { projector } from '../../src/providers/whatsapp/project.ts';
import { createDispatchPool } from '../../src/storage/postgres/dispatch-pool.ts';
import { createErasureStore } from '../../src/storage/postgres/erasure-store.ts';
import { createEventStore } from '../../src/storage/postgres/event-store.ts';
import { createProjectionStore } from '../../src/storage/postgres/projection-store.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

export const SIGNATURE = 'x-hub-signature-256';

export type Tables = Record<string, Record<string, unknown>[]>;

export interface ErasurePlace {
  readonly database: TestDatabase;
  readonly store: ErasureStore;
  /** Each body in a request of its own; returns their ids. */
  append(bodies: readonly (object | Buffer)[], source?: string): Promise<string[]>;
  /** Until nothing is due. */
  dispatch(): Promise<void>;
  /** Dispatches with a connection of its own until it is stopped. Rejects at a failure. */
  startWorker(): { stop(): Promise<void> };
  erase(subject: string, options?: Partial<EraseOptions>): Promise<ErasureReport>;
  /** All rows of the projections, without the time at which they were written. */
  tables(): Promise<Tables>;
  /** Empties the projections and makes them again of all events. */
  rebuild(): Promise<Tables>;
  empty(): Promise<void>;
  close(): Promise<void>;
}

export async function openErasurePlace(): Promise<ErasurePlace> {
  const database = await createDatabase();
  const pool = new pg.Pool({ connectionString: database.url, max: 2 });
  const events = createEventStore(pool, () => undefined);
  const store = createErasureStore(database.url);
  const own = openWorker(database.url);
  // One for all: elements without a time of their own are told apart by the hour, and a test must not span two.
  const receivedAt = new Date();
  const source = (name: string) => ({
    ...{ name, provider: whatsapp, path: '/', secrets: [], verifyTokens: [], toleranceSeconds: 0 },
  });
  const dispatch = async () => {
    while ((await own.turn()) > 0);
  };
  const tables = async () => {
    const found: Tables = {};
    for (const { name, key } of projector.tables) {
      const rows = await database.query(`SELECT * FROM ${name} ORDER BY ${key.join(', ')}`);
      found[name] = rows.map(({ updated_at, ...row }) => row);
    }
    return found;
  };
  const emptyTables = () => database.query(projector.tables.map(({ name }) => `DELETE FROM ${name}`).join(';'));
  return {
    database,
    store,
    async append(bodies, name = 'whatsapp') {
      const requests = bodies.map((body) =>
        requestFromWebhook(
          {
            ...{ source: source(name), requestId: rowId(), receivedAt },
            headers: { 'content-type': 'application/json', [SIGNATURE]: 'sha256=00' },
            body: Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body)),
            lease: { grow: () => undefined, release: () => undefined } as never,
          },
          0,
        ),
      );
      await events.append(requests);
      return requests.map(({ id }) => id);
    },
    dispatch,
    startWorker() {
      const worker = openWorker(database.url);
      let stopped = false;
      const running = (async () => {
        while (!stopped) if ((await worker.turn()) === 0) await sleep(5);
      })();
      running.catch(() => undefined);
      return {
        async stop() {
          stopped = true;
          await running.finally(() => worker.close());
        },
      };
    },
    erase: (subject, more = {}) =>
      erasePerson({
        ...{ store, provider: whatsapp, eraser, projector, source: 'whatsapp', subject, dryRun: false },
        ...{ onStep: () => undefined, signal: new AbortController().signal, ...more },
      }),
    tables,
    async rebuild() {
      await emptyTables();
      await database.query(`
        INSERT INTO event_dispatch (event_id, received_at) SELECT id, received_at FROM events ON CONFLICT DO NOTHING`);
      await dispatch();
      return tables();
    },
    async empty() {
      await database.truncate();
      await emptyTables();
      await database.query('UPDATE retention SET events_removed = 0');
    },
    async close() {
      await Promise.all([pool.end(), own.close(), store.close()]);
      await database.drop();
    },
  };
}

function openWorker(databaseUrl: string) {
  const pool = createDispatchPool(databaseUrl);
  const store = createProjectionStore({
    pool,
    readCounts: () => Promise.reject(new Error('nobody counts here')),
    onTablesMissing: () => undefined,
  });
  const claim = { events: 500, bytes: 2 ** 30, liveSince: new Date(0), except: [] };
  return {
    /** Returns how many events it has projected. */
    async turn() {
      const { done, failures } = await dispatchBatch(claim, {
        store,
        projectors,
        route: routeNowhere,
        retryDelays: [],
      });
      expect(failures).toEqual([]);
      return done.length;
    },
    close: () => pool.close(),
  };
}
