/** Stored events for people: lists by a walk back in time, single ones with all that is known of them. */
import type { DeliverySummary } from '../../core/delivery-admin.ts';
import type { DispatchState, EventDetail, EventReader, EventSummary, RequestSummary } from '../../core/event-reader.ts';
import type { PrismaClient } from '../../generated/prisma/client.ts';
import { walkEvents } from './event-walk.ts';
import { findEventsById, sourcesOf } from './events-by-id.ts';
import { withStoreErrors } from './store-error.ts';

/** Shown with their event. */
const DELIVERIES = 100;

const SUMMARY = {
  id: true,
  requestId: true,
  source: true,
  provider: true,
  type: true,
  dedupeKey: true,
  subject: true,
  occurredAt: true,
  receivedAt: true,
} as const;

export function createEventReader(prisma: PrismaClient): EventReader {
  return {
    list: (filter, page) => withStoreErrors(() => walkEvents(prisma, filter, page)),
    findByKey: (dedupeKey, source) =>
      withStoreErrors(async () => {
        const sources = source === undefined ? (await sourcesOf(prisma)).map(({ source: name }) => name) : [source];
        // One look into the unique index for each.
        const events = await prisma.event.findMany({
          where: { OR: sources.map((name) => ({ source: name, dedupeKey })) },
          orderBy: { id: 'desc' },
          select: SUMMARY,
        });
        return events as EventSummary[];
      }),
    findById: (search, page) => withStoreErrors(() => findEventsById(prisma, search, page)),
    find: (id) => withStoreErrors(() => findEvent(prisma, id)),
    body: (id) =>
      withStoreErrors(async () => {
        const event = await prisma.event.findUnique({ where: { id }, select: { requestId: true } });
        if (event === null) return null;
        const where = { id: event.requestId };
        const request = await prisma.webhookRequest.findUnique({ where, select: { body: true } });
        return request === null ? null : Buffer.from(request.body);
      }),
  };
}

async function findEvent(prisma: PrismaClient, id: string): Promise<EventDetail | null> {
  const event = (await prisma.event.findUnique({ where: { id }, select: SUMMARY })) as EventSummary | null;
  if (event === null) return null;
  const { requestId } = event;
  const [payloads, requests, dispatch, deliveries] = await Promise.all([
    prisma.$queryRaw<{ payload: string | null }[]>`SELECT payload::text AS payload FROM events WHERE id = ${id}::uuid`,
    prisma.$queryRaw<RequestSummary[]>`
      SELECT id, received_at AS "receivedAt", headers, octet_length(body) AS "bodyBytes",
             encode(body_sha256, 'hex') AS "bodySha256"
        FROM webhook_requests WHERE id = ${requestId}::uuid`,
    prisma.$queryRaw<DispatchState[]>`
      SELECT routed_at AS "routedAt", attempts, error, next_attempt_at IS NOT DISTINCT FROM 'infinity' AS parked,
             CASE WHEN isfinite(next_attempt_at) THEN next_attempt_at END AS "nextAttemptAt"
        FROM event_dispatch WHERE event_id = ${id}::uuid`,
    prisma.delivery.findMany({
      where: { OR: [...ofLiveAndReplays({ eventId: id }), ...ofLiveAndReplays({ requestId, eventId: null })] },
      orderBy: { id: 'desc' },
      take: DELIVERIES,
      omit: { leaseOwner: true, leaseUntil: true },
    }),
  ]);
  return {
    ...event,
    payload: payloads[0]?.payload ?? null,
    request: requests[0] ?? null,
    deliveries: deliveries as DeliverySummary[],
    dispatch: dispatch[0] ?? null,
  };
}

/** Live ones and replays have indexes of their own, and the planner takes them only where the condition says so. */
function ofLiveAndReplays<Condition>(condition: Condition) {
  return [
    { ...condition, replayId: null },
    { ...condition, replayId: { not: null } },
  ];
}
