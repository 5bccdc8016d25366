/** One row of the table: a daemon on a database of its own, a steady sender, and the ledger at the end. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { expect } from 'vitest';
import { type Daemon, type DaemonOptions, openTempDirectory, startDaemon } from '../support/daemon.ts';
import { freePort } from '../support/free-port.ts';
import { readMetric } from '../support/metrics.ts';
import type { PostgresServer } from '../support/postgres-server.ts';
import { allDispatched, type Query } from '../support/undispatched.ts';
import { until } from '../support/until.ts';
import { PROVIDER_ENVIRONMENT } from '../support/webhooks.ts';
import { keepLog, spoolFiles } from './daemon-files.ts';
import { LIMITS, RATE } from './form.ts';
import { compare, type Outcome, storedEvents, tally } from './ledger.ts';
import { bringBack, withClient } from './postgres-access.ts';
import { addToReport } from './report.ts';
import { type Sender, startSender } from './sender.ts';

export interface RowOptions {
  /** As in the report. */
  readonly fault: string;
  readonly postgres: PostgresServer;
  /** On top of the suite's secrets, DATABASE_URL, PORT and DATA_DIR. */
  readonly env?: Readonly<Record<string, string>>;
  /** Port by which the daemon reaches PostgreSQL, if not the server's own. */
  readonly databasePort?: number;
}

export interface SettleOptions {
  /** Events that the test has sent besides the sender, every one of them answered 200. */
  readonly others?: number;
  /** For the report; a function is called when everything has been dispatched. */
  readonly note?: string | (() => Promise<string>);
}

let databases = 0;

export class Row {
  readonly fault: string;
  readonly postgres: PostgresServer;
  readonly database = `row_${process.pid}_${++databases}`;
  /** The daemon's, across restarts. */
  readonly home = openTempDirectory('gateway-row-');
  readonly dataDir = join(this.home, 'data');
  readonly #options: RowOptions;
  #port = 0;
  #daemon: Daemon | undefined;
  #sender: Sender | undefined;
  #starts = 0;
  #spoolEmptyMs: number | null = null;

  constructor(options: RowOptions) {
    this.#options = options;
    this.fault = options.fault;
    this.postgres = options.postgres;
  }

  get daemon(): Daemon {
    if (this.#daemon === undefined) throw new Error('no daemon runs');
    return this.#daemon;
  }

  get sender(): Sender {
    if (this.#sender === undefined) throw new Error('nobody sends');
    return this.#sender;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** On the row's database, as the daemon is told. */
  get databaseUrl(): string {
    const url = new URL(this.postgres.url(this.database));
    if (this.#options.databasePort !== undefined) url.port = String(this.#options.databasePort);
    return url.toString();
  }

  /** The first start makes the database; every further one has the same port and the same DATA_DIR. */
  async startDaemon(wait: DaemonOptions['wait'] = 'ready'): Promise<void> {
    if (this.#starts++ === 0) {
      await this.postgres.createDatabase(this.database);
      this.#port = await freePort();
    }
    const env = {
      DATABASE_URL: this.databaseUrl,
      PORT: String(this.#port),
      LOG_LEVEL: 'debug',
      RATE_LIMIT_MAX: '1000000',
    };
    this.#daemon = await startDaemon(
      { ...PROVIDER_ENVIRONMENT, ...env, ...this.#options.env },
      { dataDir: this.dataDir, wait },
    );
  }

  /** SIGTERM; resolves to the exit code. */
  async stopDaemon(): Promise<number | null> {
    const code = await this.daemon.stop();
    await this.#forgetDaemon();
    return code;
  }

  /** SIGKILL, if it runs. */
  async killDaemon(): Promise<void> {
    await this.#daemon?.kill();
    await this.#forgetDaemon();
  }

  async startSender(rate = RATE): Promise<void> {
    this.#sender = await startSender({ url: this.url, rate });
  }

  /** Waits for that many more attempts with this outcome, `200 stored` for instance. */
  async more(outcome: string, count: number, timeoutMs?: number): Promise<void> {
    const now = async () => (await this.sender.counts())[outcome] ?? 0;
    const goal = (await now()) + count;
    await until(`${count} more attempts that end with ${outcome}`, async () => (await now()) >= goal, timeoutMs);
  }

  metric(series: string): Promise<number> {
    return readMetric(this.url, series);
  }

  /** Runs one statement on the row's database, past every proxy. */
  query<T extends pg.QueryResultRow>(sql: string, parameters: readonly unknown[] = []): Promise<T[]> {
    const url = this.postgres.url(this.database);
    return withClient(url, async (client) => (await client.query<T>(sql, [...parameters])).rows);
  }

  /** Resolves when nothing is left in the spool, and takes down how long that took from now on. */
  async spoolEmpty(timeoutMs = 2 * LIMITS.spoolEmptyMs): Promise<void> {
    const from = performance.now();
    await until('the spool to be empty', async () => (await this.metric('webhook_spool_records')) === 0, timeoutMs);
    this.#spoolEmptyMs = performance.now() - from;
  }

  /**
   * Ends the load, empties the spool and holds the ledger: nothing lost, nothing twice, nothing damaged, everything
   * dispatched, nothing that nobody sent, every refusal of the contract's form. Writes the line of the report.
   * The latency reported is that of the phase `fault`.
   */
  async settle({ others = 0, note }: SettleOptions = {}): Promise<Outcome> {
    const { webhooks, latency } = await this.sender.finish();
    await this.sender.kill();
    this.#sender = undefined;
    const spoolEmptyMs = this.#spoolEmptyMs;
    await this.spoolEmpty();
    await until('the files of the spool to be gone', () => spoolFiles(this.dataDir).length === 0);
    const query: Query = (sql, parameters) => this.query(sql, parameters);
    await until('everything to be dispatched', () => allDispatched(query));
    const differences = compare(webhooks, await storedEvents(query));
    const counted = tally(webhooks);
    const told = typeof note === 'function' ? await note() : note;
    addToReport({
      fault: this.fault,
      requests: counted.attempts,
      refused: counted.refused,
      spooled: counted.spooled,
      latency: latency['fault'] ?? null,
      spoolEmptyMs: counted.spooled > 0 ? spoolEmptyMs : null,
      lost: differences.lost.length,
      twice: differences.twice.length,
      ...(told === undefined ? {} : { note: told }),
    });
    expect({ ...differences, invented: differences.invented.length }).toEqual({
      lost: [],
      twice: [],
      damaged: [],
      invented: others,
    });
    expect(counted.odd).toEqual({});
    expect(counted.storedTwice).toBe(0);
    expect(await this.metric('webhook_spool_rejected_total')).toBe(0);
    return { ...differences, ...counted, webhooks: webhooks.length, latency, spoolEmptyMs };
  }

  async close(): Promise<void> {
    await this.#sender?.kill();
    await this.#forgetDaemon();
    await bringBack(this.postgres);
    await rm(this.home, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }

  async #forgetDaemon(): Promise<void> {
    const daemon = this.#daemon;
    if (daemon === undefined) return;
    this.#daemon = undefined;
    await daemon.dispose();
    keepLog(`${this.database}-${this.#starts}`, daemon.output());
  }
}

/** Opens a row, and closes it whatever comes of it. */
export async function withRow(options: RowOptions, use: (row: Row) => Promise<void>): Promise<void> {
  const row = new Row(options);
  try {
    await use(row);
  } finally {
    await row.close();
  }
}
