/** A cluster under PM2 is reloaded again and again: no request fails. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { installPm2 } from '../support/pm2.ts';
import { type PostgresServer, startPostgresServer } from '../support/postgres-server.ts';
import { allDispatched, type Query } from '../support/undispatched.ts';
import { until } from '../support/until.ts';
import { PROVIDER_ENVIRONMENT } from '../support/webhooks.ts';
import { keepLog, spoolFiles } from './daemon-files.ts';
import { RATE, RELOADS } from './form.ts';
import { compare, storedEvents, tally } from './ledger.ts';
import { withClient } from './postgres-access.ts';
import { addToReport } from './report.ts';
import { startSender } from './sender.ts';

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgresServer();
});
afterAll(() => server.destroy());

test(`PM2 cluster reloaded ${RELOADS} times under load`, async () => {
  const port = String(await freePort());
  const pm2 = installPm2({ PORT: port, LOG_LEVEL: 'debug', DATABASE_URL: server.url(), ...PROVIDER_ENVIRONMENT });
  try {
    await pm2.run('start', 'ecosystem.config.cjs');
    const sender = await startSender({ url: `http://127.0.0.1:${port}`, rate: RATE });
    await sender.enter('fault');
    for (let reload = 0; reload < RELOADS; reload++) await pm2.run('reload', 'ecosystem.config.cjs');
    const { webhooks, latency } = await sender.finish();
    await sender.kill();
    const rows = await withClient(server.url(), async (client) => {
      const query: Query = async (sql, parameters = []) => (await client.query(sql, [...parameters])).rows;
      await until('everything to be dispatched', () => allDispatched(query));
      return storedEvents(query);
    });
    const { lost, twice, damaged, invented } = compare(webhooks, rows);
    const { attempts, refused, faults, spooled, odd } = tally(webhooks);
    addToReport({
      fault: `PM2 cluster reloaded ${RELOADS} times`,
      requests: attempts,
      refused,
      spooled,
      latency: latency['fault'] ?? null,
      spoolEmptyMs: null,
      lost: lost.length,
      twice: twice.length,
    });
    expect({ refused, faults, odd }).toEqual({ refused: 0, faults: 0, odd: {} });
    expect({ lost, twice, damaged, invented }).toEqual({ lost: [], twice: [], damaged: [], invented: [] });
    expect(spoolFiles(`${pm2.root}/data`)).toEqual([]);
  } finally {
    keepLog('pm2', pm2.appLog() + pm2.log());
    await pm2.dispose();
  }
});
