/** Deliveries as they are listed: newest first, by index wherever the filter allows it. */
import type { DeliveryFilter, DeliverySummary } from '../../core/delivery-admin.ts';
import { type Page, type PageRequest, pageOf } from '../../core/page.ts';
import { firstIdAt } from '../../core/row-id.ts';
import { Prisma, type PrismaClient } from '../../generated/prisma/client.ts';

/** Milliseconds around the id of a request within which those of its events were made. */
const REQUEST_WINDOW = 10_000;

const COLUMNS = Prisma.sql`
  id, destination_id AS "destinationId", event_id AS "eventId", request_id AS "requestId", replay_id AS "replayId", source,
  provider, type, subject, state, attempts, next_attempt_at AS "nextAttemptAt", last_status AS "lastStatus",
  last_failure AS "lastFailure", received_at AS "receivedAt", created_at AS "createdAt", finished_at AS "finishedAt"`;

type Queries = Pick<PrismaClient, '$queryRaw'>;

export async function readDelivery(prisma: Queries, id: string): Promise<DeliverySummary | null> {
  const [row] = await prisma.$queryRaw<DeliverySummary[]>`SELECT ${COLUMNS} FROM deliveries WHERE id = ${id}::uuid`;
  return row ?? null;
}

export async function listDeliveries(
  prisma: Queries,
  filter: DeliveryFilter,
  { after, limit }: PageRequest,
): Promise<Page<DeliverySummary>> {
  const conditions = [Prisma.sql`true`, ...conditionsOf(filter)];
  if (after !== null) conditions.push(Prisma.sql`id < ${after}::uuid`);
  const rows = await prisma.$queryRaw<DeliverySummary[]>`
    SELECT ${COLUMNS} FROM deliveries WHERE ${Prisma.join(conditions, ' AND ')} ORDER BY id DESC LIMIT ${limit + 1}`;
  return pageOf(rows, limit);
}

function conditionsOf({ destinationId, state, eventId, requestId, replayId }: DeliveryFilter): Prisma.Sql[] {
  const conditions: Prisma.Sql[] = [];
  if (destinationId !== undefined) conditions.push(Prisma.sql`destination_id = ${destinationId}::uuid`);
  if (state !== undefined) conditions.push(Prisma.sql`state = ${state}`);
  if (eventId !== undefined) conditions.push(ofLiveAndReplays(Prisma.sql`event_id = ${eventId}::uuid`));
  if (requestId !== undefined) conditions.push(ofRequest(requestId));
  if (replayId !== undefined) conditions.push(Prisma.sql`replay_id = ${replayId}::uuid`);
  return conditions;
}

/** Each has an index of its own, and the planner takes it only where the condition says so. */
function ofLiveAndReplays(condition: Prisma.Sql): Prisma.Sql {
  return Prisma.sql`((${condition} AND replay_id IS NULL) OR (${condition} AND replay_id IS NOT NULL))`;
}

/** Those of the format `original`, and those of its events: these have no index by request, but their ids are near its own. */
function ofRequest(requestId: string): Prisma.Sql {
  const madeAt = Number.parseInt(requestId.replaceAll('-', '').slice(0, 12), 16);
  const from = firstIdAt(new Date(madeAt - REQUEST_WINDOW));
  const to = firstIdAt(new Date(madeAt + REQUEST_WINDOW));
  const events = Prisma.sql`event_id = ANY (ARRAY(
    SELECT e.id FROM events e WHERE e.id >= ${from}::uuid AND e.id < ${to}::uuid AND e.request_id = ${requestId}::uuid))`;
  const original = ofLiveAndReplays(Prisma.sql`(event_id IS NULL AND request_id = ${requestId}::uuid)`);
  return Prisma.sql`(${original} OR ${ofLiveAndReplays(events)})`;
}
