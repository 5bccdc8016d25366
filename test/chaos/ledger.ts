/** What was answered 200 against what PostgreSQL holds. */
import type { Latency } from '../support/percentiles.ts';
import type { SentWebhook } from '../support/steady-sender.ts';
import { type Query, undispatched } from '../support/undispatched.ts';

export interface StoredEvent {
  readonly source: string;
  readonly dedupe_key: string;
  /** SHA-256 of the bytes kept with its request, hex; null where the request is missing. */
  readonly sha256: string | null;
  /** Is it still to be dispatched, or is every row there that it projects to? */
  readonly accounted: boolean;
}

export async function storedEvents(query: Query): Promise<StoredEvent[]> {
  const rows = await query(`
    SELECT e.id, e.source, e.dedupe_key, encode(sha256(r.body), 'hex') AS sha256
      FROM events e LEFT JOIN webhook_requests r ON r.id = e.request_id`);
  const lost = await undispatched(query);
  return rows.map(({ id, ...row }) => ({ ...row, accounted: !lost.has(id) }));
}

/** Every list must be empty. They name events by source and key. */
export interface Differences {
  /** Answered 200, and not in the database. */
  readonly lost: readonly string[];
  /** In the database more than once. */
  readonly twice: readonly string[];
  /** Without their request, with other bytes than were sent, or neither to be dispatched nor projected. */
  readonly damaged: readonly string[];
  /** In the database, and never sent. */
  readonly invented: readonly string[];
}

/** Also a webhook that was answered 200 and then refused counts as acknowledged. */
export const isAcknowledged = ({ outcomes }: SentWebhook): boolean => outcomes.some((one) => one.startsWith('200'));

export function compare(webhooks: readonly SentWebhook[], rows: readonly StoredEvent[]): Differences {
  const stored = new Map<string, StoredEvent[]>();
  for (const row of rows) {
    const name = `${row.source} ${row.dedupe_key}`;
    stored.set(name, [...(stored.get(name) ?? []), row]);
  }
  const sent = new Map<string, SentWebhook>();
  for (const webhook of webhooks) for (const key of webhook.keys) sent.set(`${webhook.source} ${key}`, webhook);
  const names = [...stored.keys()];
  return {
    lost: [...sent].filter(([name, webhook]) => isAcknowledged(webhook) && !stored.has(name)).map(([name]) => name),
    twice: names.filter((name) => (stored.get(name)?.length ?? 0) > 1),
    damaged: names.filter((name) =>
      stored
        .get(name)
        ?.some(({ sha256, accounted }) => !accounted || (sent.has(name) && sha256 !== sent.get(name)?.sha256)),
    ),
    invented: names.filter((name) => !sent.has(name)),
  };
}

/** Attempts by how they ended. */
export interface Tally {
  readonly attempts: number;
  /** Answers other than 200. */
  readonly refused: number;
  /** Connections refused, reset or silent. */
  readonly faults: number;
  /** Those of them that were cut after they had been accepted: on a kept connection a request may cross the daemon's goodbye. */
  readonly cut: { readonly kept: number; readonly others: number };
  readonly spooled: number;
  /** Webhooks answered `stored` more than once: the first of them cannot have been true, unless the database went back. */
  readonly storedTwice: number;
  /** Every outcome that is none of 200, 503 and a fault of the connection, with how often it came. */
  readonly odd: Readonly<Record<string, number>>;
}

export function tally(webhooks: readonly SentWebhook[]): Tally {
  const outcomes = webhooks.flatMap((webhook) => webhook.outcomes);
  const count = (pattern: RegExp) => outcomes.filter((outcome) => pattern.test(outcome)).length;
  const odd: Record<string, number> = {};
  for (const outcome of outcomes.filter(
    (one) => /^\d{3}/.test(one) && !/^(200 (stored|duplicate|spooled)|503)$/.test(one),
  )) {
    odd[outcome] = (odd[outcome] ?? 0) + 1;
  }
  return {
    attempts: outcomes.length,
    refused: count(/^(?!200)\d{3}/),
    faults: count(/^(?!\d{3})/),
    cut: {
      kept: count(/^(?!\d{3})(?!.*ECONNREFUSED).*, on a kept connection$/),
      others: count(/^(?!\d{3})(?!.*ECONNREFUSED)(?!.*, on a kept connection$)/),
    },
    spooled: count(/^200 spooled$/),
    storedTwice: webhooks.filter((one) => one.outcomes.filter((outcome) => outcome === '200 stored').length > 1).length,
    odd,
  };
}

/** What came of the row. */
export interface Outcome extends Differences, Tally {
  /** Webhooks, each sent at least once. */
  readonly webhooks: number;
  /** Of the answers of 200, by phase. */
  readonly latency: Readonly<Record<string, Latency>>;
  readonly spoolEmptyMs: number | null;
}
