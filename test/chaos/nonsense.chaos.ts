/**
 * Nonsense from a seeded generator, first to verify, parse and fan-out in this process, then over HTTP to a daemon. The
 * seed of whatever fails is in the message: `NONSENSE_SEED=<seed>` begins with it.
 */

import { hash } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { WebhookProviderName } from '../../src/core/event.ts';
import type { Provider } from '../../src/core/provider.ts';
import { stripe } from '../../src/providers/stripe/index.ts';
import { whatsapp } from '../../src/providers/whatsapp/index.ts';
import { type PostgresServer, startPostgresServer } from '../support/postgres-server.ts';
import { openRaw } from '../support/raw-http.ts';
import { unstorableColumns } from '../support/storable.ts';
import { SECRETS } from '../support/webhooks.ts';
import { NONSENSE } from './form.ts';
import { HEADERS, mayBeAccepted, type Nonsense, nonsense } from './nonsense.ts';
import { randomFrom, seeded } from './random.ts';
import { addToReport } from './report.ts';
import { type Row, withRow } from './row.ts';

const MIB = 1024 * 1024;
const PROVIDERS: Readonly<Record<WebhookProviderName, Provider>> = { stripe, whatsapp };
const { seed: first } = randomFrom('NONSENSE_SEED');

/** What is wrong with how the input was dealt with; null if nothing is. */
function faultInProcess(input: Nonsense): string | null {
  const { provider: name, body, header, verdict } = input;
  const provider = PROVIDERS[name];
  const now = new Date();
  const { ok } = provider.verify({ body, header, secrets: [SECRETS[name]], now, toleranceSeconds: 300 });
  if (verdict === 'genuine' && !ok) return 'a right signature was refused';
  if (ok && !mayBeAccepted(input)) return 'a wrong signature was accepted';
  const early = provider.checkHeader(header);
  if (ok && early !== null) return 'the header of a right signature was called malformed';
  const events = provider.parse({ body, requestId: '019b5f6a-7c3e-7000-8000-000000000001', receivedAt: now });
  if (events.length === 0) return 'no event was found';
  if (new Set(events.map(({ dedupeKey }) => dedupeKey)).size !== events.length) return 'two events have one key';
  const columns = events.flatMap((event) => unstorableColumns(event));
  return columns.length === 0 ? null : `not storable: ${[...new Set(columns)].join(', ')}`;
}

function fail(seed: number, what: string): never {
  throw new Error(`NONSENSE_SEED=${seed}: ${what}`);
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
function heapAfterCollection(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

test(`${NONSENSE.inProcess} inputs to verify, parse and fan-out`, () => {
  const quarter = Math.floor(NONSENSE.inProcess / 4);
  const heap: number[] = [];
  for (let index = 0; index < NONSENSE.inProcess; index++) {
    let fault: string | null;
    try {
      fault = faultInProcess(nonsense(seeded(first + index)));
    } catch (error) {
      fault = `it threw ${error}`;
    }
    if (fault !== null) fail(first + index, fault);
    if ((index + 1) % quarter === 0) heap.push(heapAfterCollection());
  }
  const growth = (heap.at(-1) ?? 0) - (heap[0] ?? 0);
  expect(growth).toBeLessThan(8 * MIB);
  addToReport({ ...NOTHING_LOST, fault: 'nonsense, in process', requests: NONSENSE.inProcess, note: 'no fault' });
});

const NOTHING_LOST = { refused: 0, spooled: 0, latency: null, spoolEmptyMs: null, lost: 0, twice: 0 };

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgresServer();
});
afterAll(() => server.destroy());

/** Statuses by which the contract refuses nonsense. */
const REFUSALS = new Set([400, 401, 413, 431]);
const AT_ONCE = 16;

/** On a connection of its own, byte for byte: no HTTP client would send such headers. */
async function statusOverHttp(url: string, { provider, body, header }: Nonsense): Promise<number> {
  const lines = [
    `POST /webhooks/${provider} HTTP/1.1`,
    'Host: nonsense',
    'Connection: close',
    `Content-Length: ${body.length}`,
    ...(header === undefined ? [] : [`${HEADERS[provider]}: ${header}`]),
  ];
  const connection = await openRaw(url);
  connection.write(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), body]));
  return Number(/^HTTP\/1.1 (\d{3}) /.exec(await connection.closed)?.[1] ?? 0);
}

function faultOverHttp(input: Nonsense, status: number): string | null {
  if (status !== 200) {
    if (!REFUSALS.has(status)) return `answered ${status || 'nothing'}`;
    return input.verdict === 'genuine' ? `a right signature was answered ${status}` : null;
  }
  return mayBeAccepted(input) ? null : 'a wrong signature was accepted';
}

interface Accepted {
  /** SHA-256 of the bodies answered 200. */
  readonly bodies: ReadonlySet<string>;
  /** Resident bytes of the daemon, after each quarter. */
  readonly memory: readonly number[];
}

async function sendAll(row: Row): Promise<Accepted> {
  const bodies = new Set<string>();
  const memory: number[] = [];
  let next = 0;
  const client = async () => {
    while (next < NONSENSE.overHttp) {
      const index = next++;
      const input = nonsense(seeded(first + index));
      const status = await statusOverHttp(row.url, input);
      const fault = faultOverHttp(input, status);
      if (fault !== null) fail(first + index, fault);
      if (status === 200) bodies.add(hash('sha256', input.body));
      if ((index + 1) % (NONSENSE.overHttp / 4) === 0) memory.push(await row.metric('process_resident_memory_bytes'));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, client));
  return { bodies, memory };
}

test(`${NONSENSE.overHttp} inputs over HTTP`, () =>
  withRow({ fault: 'nonsense over HTTP', postgres: server }, async (row) => {
    await row.startDaemon();
    const { bodies, memory } = await sendAll(row);
    expect(row.daemon.child.exitCode).toBeNull();
    const rows = await row.query<{ sha256: string }>(
      "SELECT encode(sha256(body), 'hex') AS sha256 FROM webhook_requests",
    );
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.filter(({ sha256 }) => !bodies.has(sha256))).toEqual([]);
    const orphans = 'SELECT e.id FROM events e LEFT JOIN webhook_requests r ON r.id = e.request_id WHERE r.id IS NULL';
    expect(await row.query(orphans)).toEqual([]);
    expect((memory.at(-1) ?? 0) - (memory[0] ?? 0)).toBeLessThan(64 * MIB);
    const note = `${bodies.size} rightly signed ones answered 200, the others refused`;
    addToReport({ ...NOTHING_LOST, fault: 'nonsense over HTTP', requests: NONSENSE.overHttp, note });
  }));
