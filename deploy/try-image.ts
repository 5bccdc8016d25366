/**
 * Tries a built image: starts its daemon on a throw-away PostgreSQL, posts one signed webhook twice, looks for the row,
 * runs the health check, and stops the daemon.
 *
 *   tsx deploy/try-image.ts <runtime and options...> -- <container> -- <command...> -- <health check...>
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { freePort } from '../test/support/free-port.ts';
import { startPostgresServer } from '../test/support/postgres-server.ts';
import { fresh, keysOf, PROVIDER_ENVIRONMENT, post } from '../test/support/webhooks.ts';

const START_TIMEOUT = 60_000;
const [runtime = [], container = [], command = [], healthcheck = []] = groups(process.argv.slice(2));

const database = await startPostgresServer({ fsync: true });
const port = await freePort();
const url = `http://127.0.0.1:${port}`;
const environment = { DATABASE_URL: database.url(), PORT: String(port), ...PROVIDER_ENVIRONMENT };
const daemon = run(command);
try {
  await ready(daemon);
  const pid = daemonPid(daemon.pid ?? 0);
  expect('the user of the daemon', userOf(pid), '1000');
  await sendAndFind();
  expect('the exit code of the health check', await exitCode(run(healthcheck)), 0);
  process.kill(pid, 'SIGTERM');
  expect('the exit code after SIGTERM', await exitCode(daemon), 0);
} finally {
  daemon.kill('SIGKILL');
  await database.destroy();
}

async function sendAndFind(): Promise<void> {
  const webhook = fresh('stripe');
  for (const accepted of ['stored', 'duplicate']) {
    const answer = await post(url, webhook);
    expect('the answer', `${answer.status} ${answer.accepted}`, `200 ${accepted}`);
  }
  const client = new pg.Client({ connectionString: database.url() });
  await client.connect();
  const { rows } = await client.query<{ dedupe_key: string }>('SELECT dedupe_key FROM events');
  await client.end();
  expect('the stored events', rows.map((row) => row.dedupe_key).join(), keysOf(webhook).join());
}

function run(argv: readonly string[]): ChildProcess {
  const [program = '', ...options] = runtime;
  const variables = Object.entries(environment).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
  return spawn(program, [...options, ...variables, ...container, '--', ...argv], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}

async function ready(child: ChildProcess): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT;
  for (;;) {
    const response = await fetch(`${url}/ready`).catch(() => null);
    if (response?.status === 200) return;
    if (child.exitCode !== null) throw new Error(`the daemon ended with ${child.exitCode}`);
    if (Date.now() > deadline) throw new Error('the daemon does not get ready');
    await sleep(50);
  }
}

async function exitCode(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode;
}

/** The last process of the chain: a runtime does not always pass signals on. */
function daemonPid(pid: number): number {
  const child = readdirSync('/proc').find((name) => /^\d+$/.test(name) && parentOf(name) === pid);
  return child === undefined ? pid : daemonPid(Number(child));
}

function parentOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}

function userOf(pid: number): string | undefined {
  return /^Uid:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
}

function expect(what: string, actual: unknown, wanted: unknown): void {
  if (actual !== wanted) throw new Error(`${what}: ${actual}, but ${wanted} was expected`);
  console.log(`${what}: ${actual}`);
}

/** The arguments between the `--`. */
function groups(argv: readonly string[]): string[][] {
  const found: string[][] = [[]];
  for (const argument of argv) {
    if (argument === '--') found.push([]);
    else found.at(-1)?.push(argument);
  }
  return found;
}
