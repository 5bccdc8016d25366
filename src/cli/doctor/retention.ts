/** What retention keeps and has removed, and whether it keeps up. */
import { type RetentionLimits, requestDays } from '../../core/retention.ts';
import type { SharedPrisma } from '../../storage/postgres/prisma.ts';
import { readRetention, requestsOverdue } from '../../storage/postgres/retention-report.ts';
import { type Finding, ok, warning } from './finding.ts';

const DAY = 86_400_000;
/** Days after which a request should long have gone: what was kept back is looked at again once a day. */
const GRACE_DAYS = 2;

export async function checkRetention(prisma: SharedPrisma['prisma'], limits: RetentionLimits): Promise<Finding[]> {
  const report = await readRetention(prisma);
  const text = [
    `retention: requests ${period(requestDays(limits))}, events ${period(limits.eventDays)}`,
    `oldest request ${date(report.oldestRequest)}, oldest event ${date(report.oldestEvent)}`,
    `removed ${count(report.requestsRemoved)} requests, ${count(report.eventsRemoved)} events`,
  ].join('; ');
  return [ok(text), ...(await checkOverdue(prisma, requestDays(limits)))];
}

async function checkOverdue(prisma: SharedPrisma['prisma'], days: number): Promise<Finding[]> {
  if (days === 0) return [];
  const overdue = await requestsOverdue(prisma, new Date(Date.now() - (days + GRACE_DAYS) * DAY));
  if (!overdue) return [];
  const text = `retention is behind: requests are there that should have gone more than ${GRACE_DAYS} days ago`;
  return [
    warning(text, 'See that a process with ROLE all or worker runs, and has run for a while; its log says what fails.'),
  ];
}

function period(days: number): string {
  return days === 0 ? 'for ever' : `${days} days`;
}

function date(time: Date | null): string {
  return time === null ? 'none' : time.toISOString().slice(0, 10);
}

function count(rows: number): string {
  return rows.toLocaleString('en');
}
