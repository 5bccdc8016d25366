/** Is a daemon running on this DATA_DIR, and does it take webhooks? */
import { connect } from 'node:net';
import { z } from 'zod';
import type { Config } from '../../config.ts';
import { SERVICE, VERSION } from '../../package.ts';
import { type DaemonFile, readDaemonFile } from '../../storage/disk/daemon-file.ts';
import { type Finding, fault, ok, warning } from './finding.ts';

/** Milliseconds for an answer of the daemon. */
const TIME_LIMIT = 5_000;

const healthAnswer = z.object({ service: z.string(), version: z.string() });
const readyAnswer = z.object({
  status: z.string(),
  /** Absent where ADMIN_ALLOWED_IPS keeps the detail from this machine. */
  checks: z.record(z.string(), z.object({ ok: z.boolean(), detail: z.string().optional() })).optional(),
});

/** @param dataDir absolute */
export async function checkDaemon(config: Pick<Config, 'HOST' | 'PORT'>, dataDir: string): Promise<Finding[]> {
  const file = readDaemonFile(dataDir);
  if (file !== null && isAlive(file.pid)) return checkRunning(file);
  const left = file === null ? '' : `; daemon.json was left by one that was killed (pid ${file.pid})`;
  return [ok(`not running on this DATA_DIR${left}: \`npm start\``), ...(await checkPort(config))];
}

async function checkRunning({ pid, url }: DaemonFile): Promise<Finding[]> {
  const health = healthAnswer.safeParse(await getJson(`${url}/health`));
  if (!health.success || health.data.service !== SERVICE) {
    const advice = 'If the pid is another program’s by now, `npm start`; else read the daemon’s log, and restart it.';
    return [fault(`${url} does not answer as the daemon (pid ${pid}) should`, advice)];
  }
  const { version } = health.data;
  const findings = [ok(`running (pid ${pid}), version ${version}: ${url}`)];
  if (version !== VERSION) {
    findings.push(warning(`this folder holds version ${VERSION}`, 'Restart the daemon to run it.'));
  }
  return [...findings, ...checkReadiness(readyAnswer.safeParse(await getJson(`${url}/ready`)).data)];
}

function checkReadiness(answer: z.infer<typeof readyAnswer> | undefined): Finding[] {
  if (answer?.status === 'ready') return [ok('ready: a webhook would be stored now')];
  if (answer?.status === 'spooling') {
    const { database, ingest } = answer.checks ?? {};
    const why = (database?.ok === false ? database.detail : ingest?.detail) ?? 'PostgreSQL takes no webhooks';
    return [warning(`ready, and spooling: ${why}`, 'Webhooks are kept on the local disk until PostgreSQL takes them.')];
  }
  const failing = Object.entries(answer?.checks ?? {}).filter(([, check]) => !check.ok);
  if (failing.length === 0) return [fault('not ready: webhooks are answered 503', 'The daemon’s log says why.')];
  return failing.map(([name, { detail }]) =>
    // Redis never decides whether a webhook can be stored; its own section says what is wrong with it.
    name === 'redis' ? warning('ready without Redis') : fault(`not ready: ${name}: ${detail ?? 'no reason given'}`),
  );
}

/** Only a look: a port that cannot be had is what a start fails on most often. */
async function checkPort({ HOST, PORT }: Pick<Config, 'HOST' | 'PORT'>): Promise<Finding[]> {
  if (PORT === 0 || !(await answers(PORT, HOST === '::' || HOST === '0.0.0.0' ? '127.0.0.1' : HOST))) return [];
  const advice = 'Stop what uses it, set PORT to another, or set DATA_DIR to that of the daemon that you mean.';
  return [warning(`port ${PORT} is taken, though not by a daemon on this DATA_DIR`, advice)];
}

function answers(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host, timeout: 1_000 });
    const settle = (answered: boolean) => () => {
      socket.destroy();
      resolve(answered);
    };
    socket.once('connect', settle(true)).once('error', settle(false)).once('timeout', settle(false));
  });
}

/** True also for a process of another user, which may not be signalled. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Undefined if there is no answer in time, or none that is JSON. */
async function getJson(url: string): Promise<unknown> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(TIME_LIMIT), redirect: 'manual' });
    return await response.json();
  } catch {
    return undefined;
  }
}
