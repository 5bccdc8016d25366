/** The checked configuration. The only reader of `process.env`; nothing reads it at import time. */
import { existsSync, readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import type { z } from 'zod';
import { FILE_VARIABLES, MIB, variables } from './config-variables.ts';
import { StartupError } from './core/errors.ts';
import { describeMisspelt, misspeltVariables } from './misspelt-variables.ts';

export type Config = Omit<z.output<typeof variables>, 'HOST'> & { readonly HOST: string };

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The process's environment over the `.env` file of the working directory, which never overrides.
 *
 * @throws StartupError if there is a `.env` that cannot be read
 */
export function readEnvironment(): Environment {
  // A developer's own .env must not decide how a test ends.
  if (process.env['VITEST'] !== undefined || !existsSync('.env')) return process.env;
  try {
    // Empty means "not set", so an empty variable hides nothing.
    return { ...parseEnv(readFileSync('.env', 'utf8')), ...withoutEmpty(process.env) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new StartupError(`.env: cannot be read (${code}); make it a readable file, or remove it`);
  }
}

/** Number of this process among those of a PM2 cluster, from 0; null outside one. */
export function clusterInstance(): number | null {
  const instance = process.env['NODE_APP_INSTANCE'];
  return instance !== undefined && /^\d+$/.test(instance) ? Number(instance) : null;
}

/** True below `npm start`: npm passes signals on that a terminal's Ctrl-C has already sent to every process. */
export function startedByNpm(): boolean {
  return process.env['npm_lifecycle_event'] !== undefined;
}

/**
 * The checked configuration.
 *
 * @throws StartupError that lists every fault at once, each with the variable's name and what to write instead
 */
export function loadConfig(environment: Environment): Config {
  const faults: string[] = [];
  const values = resolveFiles(withoutEmpty(environment), faults);
  const parsed = variables.safeParse(values);
  for (const issue of parsed.error?.issues ?? []) faults.push(`${issue.path.join('.')}: ${issue.message}`);
  faults.push(...crossFaults(values, environment));
  if (!parsed.success || faults.length > 0) {
    const many = faults.length === 1 ? 'a fault' : `${faults.length} faults`;
    const misspelt = misspeltVariables(environment).map(describeMisspelt);
    const lines = [`The configuration has ${many}:`, ...faults.map((f) => `  - ${f}`), ...misspelt];
    throw new StartupError(lines.join('\n'));
  }
  const { data } = parsed;
  return { ...data, HOST: data.HOST ?? (data.NODE_ENV === 'production' ? '::' : '127.0.0.1') };
}

/** Compose files and unit files often set a variable to nothing to mean "not set". */
function withoutEmpty(environment: Environment): Record<string, string> {
  const entries = Object.entries(environment).map(([name, value]) => [name, value?.trim() ?? ''] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== ''));
}

function resolveFiles(environment: Record<string, string>, faults: string[]): Record<string, string> {
  const values = { ...environment };
  for (const name of FILE_VARIABLES) {
    const file = environment[`${name}_FILE`];
    if (file === undefined) continue;
    if (environment[name] !== undefined) {
      faults.push(`${name}: is set, and ${name}_FILE too; keep one of them`);
      continue;
    }
    try {
      const content = readFileSync(file, 'utf8').trim();
      if (content === '') faults.push(`${name}_FILE: the file is empty`);
      else values[name] = content;
    } catch (error) {
      faults.push(`${name}_FILE: cannot be read (${(error as NodeJS.ErrnoException).code}); name a readable file`);
    }
  }
  return values;
}

/** Faults that lie between variables. Read off the text, so that they are found also where another variable is wrong. */
function crossFaults(values: Record<string, string>, environment: Environment): string[] {
  const faults: string[] = [];
  const paths = [values['WHATSAPP_PATH'] ?? '/webhooks/whatsapp', values['STRIPE_PATH'] ?? '/webhooks/stripe'];
  if (paths[0] === paths[1]) faults.push('STRIPE_PATH: is the same as WHATSAPP_PATH; give each its own');
  const bodyLimit = Number(values['BODY_LIMIT_BYTES'] ?? 4 * MIB);
  if (Number(values['INGEST_MAX_BYTES'] ?? 256 * MIB) < 2 * bodyLimit) {
    faults.push('INGEST_MAX_BYTES: must be at least twice BODY_LIMIT_BYTES, or large bodies starve each other');
  }
  const delay = Number(values['SHUTDOWN_DELAY_MS'] ?? 0);
  const timeout = Number(values['SHUTDOWN_TIMEOUT_MS'] ?? 8_000);
  if (delay >= timeout)
    faults.push(`SHUTDOWN_DELAY_MS: must be below SHUTDOWN_TIMEOUT_MS (${timeout}), which includes it`);
  faults.push(...portFaults(values));
  if (values['NODE_ENV'] === 'production') faults.push(...productionFaults(values, environment));
  return faults;
}

function portFaults(values: Record<string, string>): string[] {
  const taken = new Map([[values['PORT'] ?? '3000', 'PORT']]);
  const faults: string[] = [];
  for (const name of ['METRICS_PORT', 'ADMIN_PORT']) {
    const port = values[name];
    if (port === undefined || port === '0') continue;
    const other = taken.get(port);
    if (other !== undefined) faults.push(`${name}: is the same as ${other}; give it a port of its own`);
    taken.set(port, name);
  }
  return faults;
}

function productionFaults(values: Record<string, string>, environment: Environment): string[] {
  const faults: string[] = [];
  // A file that cannot be read is a fault of its own, and not also a missing secret.
  const has = (name: string) => values[name] !== undefined || environment[`${name}_FILE`] !== undefined;
  if (has('META_APP_SECRET') && !has('META_VERIFY_TOKEN')) {
    faults.push('META_VERIFY_TOKEN: WhatsApp is half configured; set it to the token typed into Meta’s webhook form');
  }
  if (has('META_VERIFY_TOKEN') && !has('META_APP_SECRET')) {
    faults.push('META_APP_SECRET: WhatsApp is half configured; set it to the app secret of the Meta app');
  }
  const receives = values['ROLE'] !== 'worker';
  if (receives && !has('META_APP_SECRET') && !has('META_VERIFY_TOKEN') && !has('STRIPE_WEBHOOK_SECRET')) {
    faults.push('META_APP_SECRET, STRIPE_WEBHOOK_SECRET: no provider is configured; set the secrets of at least one');
  }
  return faults;
}
