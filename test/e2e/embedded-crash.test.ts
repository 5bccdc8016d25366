/** The embedded PostgreSQL is killed under a daemon that lives on. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startDaemon } from '../support/daemon.ts';
import { until } from '../support/until.ts';
import { fresh, PROVIDER_ENVIRONMENT, post } from '../support/webhooks.ts';

test('it is started again, and what came meanwhile is stored', async () => {
  const daemon = await startDaemon({ ...PROVIDER_ENVIRONMENT, COMMIT_TIMEOUT_MS: '30000' });
  try {
    expect((await post(daemon.url, fresh('stripe'))).accepted).toBe('stored');
    const cluster = join(daemon.dataDir, 'postgres');
    process.kill(Number.parseInt(readFileSync(join(cluster, 'postmaster.pid'), 'utf8'), 10), 'SIGKILL');
    const webhook = fresh('whatsapp');
    expect((await post(daemon.url, webhook)).status).toBe(200);
    await until('the server to run again', () => daemon.output().includes('The embedded PostgreSQL runs again'));
    await until('the webhook to be stored', async () => (await post(daemon.url, webhook)).accepted === 'duplicate');
    expect(await daemon.stop()).toBe(0);
  } finally {
    await daemon.dispose();
  }
});
