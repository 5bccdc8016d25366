/** What a delivery looks like in the API. */
import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import { ATTEMPT_FAILURES, DELIVERY_STATES } from '../../../core/delivery.ts';
import type { DeliveryDetail, DeliverySummary, RecordedAttempt } from '../../../core/delivery-admin.ts';
import { id, time } from '../../api/schemas.ts';

const failure = z.enum(ATTEMPT_FAILURES).nullable();

export const delivery = z
  .object({
    id,
    destinationId: id,
    eventId: id.nullable().describe('Null with the format `original`, which is owed for a request'),
    requestId: id,
    replayId: id.nullable().describe('Null unless it was asked for anew'),
    source: z.string(),
    provider: z.string(),
    type: z.string(),
    subject: z.string().nullable(),
    state: z.enum(DELIVERY_STATES),
    attempts: z.int(),
    nextAttemptAt: time.nullable().describe('Null once it is finished'),
    lastStatus: z.int().nullable(),
    lastFailure: failure,
    receivedAt: time,
    createdAt: time,
    finishedAt: time.nullable(),
  })
  .meta({ id: 'Delivery' });

const body = z
  .object({
    encoding: z.enum(['text', 'base64']).describe('`base64` where the bytes are no UTF-8'),
    content: z.string(),
  })
  .meta({ id: 'AnswerBody' });

/** What became of something that was sent. */
export const outcome = z
  .object({
    durationMs: z.int(),
    status: z.int().nullable(),
    responseHeaders: z.record(z.string(), z.string()).nullable(),
    responseBody: body.nullable().describe('At most the first 64 KiB'),
    failure: failure.describe('Null: it was delivered'),
    error: z.string().nullable(),
  })
  .meta({ id: 'Outcome' });

const attempt = outcome
  .extend({
    number: z.int().describe('From 1. Several have the same one after a lost lease or a failed probe'),
    startedAt: time,
    probe: z
      .boolean()
      .describe('It only asked whether a failing destination is back, failed, and counts as no attempt'),
  })
  .meta({ id: 'Attempt' });

export const deliveryDetail = delivery
  .extend({ history: z.array(attempt).describe('Every attempt, oldest first; of failed probes in a row the last') })
  .meta({ id: 'DeliveryDetail' });

export function deliveryView({ nextAttemptAt, finishedAt, ...rest }: DeliverySummary) {
  return { ...rest, finishedAt, nextAttemptAt: finishedAt === null ? nextAttemptAt : null };
}

export function deliveryDetailView({ history, ...summary }: DeliveryDetail) {
  return { ...deliveryView(summary), history: history.map(attemptView) };
}

function attemptView({ id: _id, responseBody, ...rest }: RecordedAttempt) {
  return { ...rest, responseBody: responseBody === null ? null : bodyView(responseBody) };
}

export function bodyView(bytes: Buffer) {
  // An answer that was cut may end within a character.
  return isUtf8(bytes)
    ? { encoding: 'text', content: bytes.toString('utf8') }
    : { encoding: 'base64', content: bytes.toString('base64') };
}
