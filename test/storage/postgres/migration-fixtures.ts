/** Folders of migrations, connections and processes for the tests of self-migration. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn';
  readonly fields: unknown;
  readonly message: unknown;
}

/** A logger that keeps what it is told. */
export function recordingLogger() {
  const lines: LogLine[] = [];
  const at = (level: LogLine['level']) => (fields: unknown, message?: unknown) => {
    lines.push({ level, fields, message });
  };
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn') };
}

/** A folder of migrations, each named by its key. */
export async function makeMigrationsFolder(
  scripts: Readonly<Record<string, string>>,
): Promise<{ path: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'migrations '));
  await writeFile(path.join(folder, 'migration_lock.toml'), 'provider = "postgresql"\n');
  for (const [name, script] of Object.entries(scripts)) {
    await mkdir(path.join(folder, name), { recursive: true });
    await writeFile(path.join(folder, name, 'migration.sql'), script);
  }
  return { path: folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** Runs `use` on a connection of its own. */
export async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  // Some tests have it terminated.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

/** The URL with further parameters. */
export function withParameters(url: string, parameters: Readonly<Record<string, string>>): string {
  const changed = new URL(url);
  for (const [name, value] of Object.entries(parameters)) changed.searchParams.set(name, value);
  return changed.href;
}

/** `applyMigrations` in a process of its own, started elsewhere than in the package. */
export function applyInChildProcess(databaseUrl: string, folder?: string) {
  const apply = new URL('../../../src/storage/postgres/migrations/apply.ts', import.meta.url).href;
  const code = `
    import { applyMigrations } from ${JSON.stringify(apply)};
    const logger = { info() {}, warn() {} };
    const folder = ${JSON.stringify(folder)};
    console.log(JSON.stringify(await applyMigrations({ databaseUrl: ${JSON.stringify(databaseUrl)} }, { logger, folder })));`;
  const args = ['--import', import.meta.resolve('tsx'), '--input-type=module', '--eval', code];
  const child = spawn(process.execPath, args, { cwd: tmpdir(), stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk) => {
    output += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    errors += String(chunk);
  });
  const ended = once(child, 'close').then(() => ({ code: child.exitCode, output, errors }));
  return { kill: () => child.kill('SIGKILL'), ended };
}
