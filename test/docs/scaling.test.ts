/** docs/scaling.md counts the connections that a process of each role opens, and has a file for PM2. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { API_ENVIRONMENT, apiClient } from '../support/api.ts';
import { createDatabase } from '../support/database.ts';
import { startTestGateway } from '../support/gateway.ts';
import { until } from '../support/until.ts';
import { fresh, post } from '../support/webhooks.ts';

const ROLES = ['ingest', 'worker', 'all'] as const;
type Role = (typeof ROLES)[number];

const page = readFileSync(new URL('../../docs/scaling.md', import.meta.url), 'utf8');
const [, section = ''] = page.split(/^## Connections$/m);
const [, ...rows] = section
  .split('\n')
  .filter((line) => line.startsWith('|') && !line.startsWith('| ---'))
  .map((line) => {
    const [, name = '', ...cells] = line.split('|').map((cell) => cell.trim());
    const most = Object.fromEntries(ROLES.map((role, index) => [role, Number(cells[index])])) as Record<Role, number>;
    return { name: name.replaceAll('`', ''), most };
  });
const sums = rows.filter(({ name }) => name === 'at most');
const sessions = rows.filter(({ name }) => name !== 'at most');

/** Open all the time; the others come and go. */
const LASTING: Readonly<Record<Role, readonly string[]>> = {
  ingest: ['ingest', ''],
  worker: ['ingest', '', 'dispatch', 'delivery', 'listener', 'api'],
  all: ['ingest', '', 'dispatch', 'delivery', 'listener', 'api'],
};

test('the last line is the sum of the others', () => {
  const sumOf = (role: Role) => sessions.reduce((sum, { most }) => sum + most[role], 0);
  expect(sums.map(({ most }) => most)).toEqual([Object.fromEntries(ROLES.map((role) => [role, sumOf(role)]))]);
});

test.each(ROLES)('%s', async (role) => {
  const database = await createDatabase();
  const gateway = await startTestGateway({ DATABASE_URL: database.url, ROLE: role, ...API_ENVIRONMENT });
  const open = async (): Promise<Record<string, number>> => {
    const found = await database.query(`
      SELECT application_name AS name, count(*)::int AS n FROM pg_stat_activity
       WHERE datname = current_database() AND application_name ~ '^webhook-gateway' AND application_name !~ 'migrations$'
       GROUP BY application_name`);
    return Object.fromEntries(found.map(({ name, n }) => [name, n]));
  };
  try {
    if (role !== 'worker') await Promise.all(Array.from({ length: 50 }, () => post(gateway.url, fresh('stripe'))));
    const call = apiClient(`${gateway.url}/api/v1`);
    if (role !== 'ingest') await Promise.all(Array.from({ length: 10 }, () => call('GET /events')));
    const lasting = LASTING[role].map((what) => `webhook-gateway ${what}`.trim());
    const found = await until('the connections that last', async () => {
      const names = await open();
      return lasting.every((name) => names[name] !== undefined) ? names : null;
    });
    const most = Object.fromEntries(sessions.map(({ name, most }) => [name, most[role]]));
    for (const [name, n] of Object.entries(found)) expect(n, `${name}: at most`).toBeLessThanOrEqual(most[name] ?? 0);
  } finally {
    await gateway.stop();
    await database.drop();
  }
});

test('the file for PM2 stands beside ours and makes an app of each role, with nothing in common that must not be', () => {
  const [, code = ''] = /^```js\n([\s\S]*?)^```$/m.exec(page) ?? [];
  const directory = mkdtempSync(join(tmpdir(), 'gateway-docs-'));
  try {
    cpSync(
      fileURLToPath(new URL('../../ecosystem.config.cjs', import.meta.url)),
      join(directory, 'ecosystem.config.cjs'),
    );
    writeFileSync(join(directory, 'roles.config.cjs'), code);
    const { apps } = createRequire(directory)(join(directory, 'roles.config.cjs'));
    const valuesOf = (variable: string) => apps.map(({ env }: { env: Record<string, string> }) => env[variable]);
    expect(valuesOf('ROLE')).toEqual(['ingest', 'worker']);
    for (const variable of ['PORT', 'METRICS_PORT', 'DATA_DIR']) expect(new Set(valuesOf(variable)).size).toBe(2);
    for (const { script } of apps) expect(script).toBe('dist/main.js');
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
