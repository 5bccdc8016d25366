/** Can a webhook be made durable now? What `/ready` answers. */
import type { Readiness, ReadinessCheck, ReadinessStatus } from './core/health.ts';
import type { Parts } from './servers.ts';

export async function readiness({ phase, storage, ingest, spool }: Parts): Promise<Readiness> {
  const { budget } = ingest;
  const checks = {
    lifecycle: phase() === 'running' ? { ok: true } : { ok: false, detail: `the gateway is ${phase()}` },
    memory: budget.full
      ? { ok: false, detail: 'as many webhooks are in memory as INGEST_MAX_BYTES allows' }
      : { ok: true },
    database: await storage.checkDatabase(),
    ingest: ingest.check(),
    spool: spool?.check() ?? { ok: false, detail: 'this process takes no webhooks' },
    // Redis is told of and never decides: without it every webhook is still taken.
    redis: { ok: storage.redisState() !== 'down', detail: storage.redisState() },
  };
  return { status: statusOf(checks), checks };
}

/**
 * While the spool takes them the load balancer must not send webhooks elsewhere: this may be the very node that can keep
 * them. Not so if an operator has forgotten the migrations: other nodes may be of the release that fits.
 */
function statusOf(
  checks: Record<'lifecycle' | 'memory' | 'database' | 'ingest' | 'spool', ReadinessCheck>,
): ReadinessStatus {
  const { lifecycle, memory, database, ingest, spool } = checks;
  if (!lifecycle.ok || !memory.ok || database.needsOperator) return 'not_ready';
  if (database.ok && ingest.ok) return 'ready';
  return spool.ok ? 'spooling' : 'not_ready';
}
