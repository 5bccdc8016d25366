/** Rival (d): pgbench, one row with a body of the same size in each commit, from the same number of clients. */
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { BODY_BYTES, CONNECTIONS } from '../settings.ts';

export const pgbenchAvailable = spawnSync('pgbench', ['--version']).status === 0;

/** Resolves to commits a second. */
export async function runPgbench(databaseUrl: string, seconds: number): Promise<number> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query('CREATE TABLE IF NOT EXISTS row_per_commit (id uuid PRIMARY KEY, body bytea NOT NULL)');
  await client.end();
  const directory = await mkdtemp(join(tmpdir(), 'gateway-pgbench-'));
  try {
    const body = randomBytes(BODY_BYTES).toString('hex');
    const script = join(directory, 'insert.sql');
    await writeFile(script, `INSERT INTO row_per_commit VALUES (gen_random_uuid(), '\\x${body}');\n`);
    const output = await run([
      ...['--no-vacuum', '--protocol=prepared', '--client', String(CONNECTIONS), '--jobs', '2'],
      ...['--time', String(seconds), '--file', script, databaseUrl],
    ]);
    const [, tps] = /tps = ([\d.]+)/.exec(output) ?? [];
    if (tps === undefined) throw new Error(`pgbench did not say how many commits it made:\n${output}`);
    return Number(tps);
  } finally {
    await rm(directory, { recursive: true });
  }
}

function run(options: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('pgbench', options, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text: Buffer) => {
        output += text;
      });
    }
    child.once('error', reject);
    child.once('close', () => resolve(output));
  });
}
