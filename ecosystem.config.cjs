/**
 * PM2: `npm run build && pm2 start ecosystem.config.cjs`, then `pm2 reload ecosystem.config.cjs` after an update or a change
 * of `.env`; in a container `pm2-runtime ecosystem.config.cjs`.
 *
 * With DATABASE_URL: cluster mode, WEB_CONCURRENCY processes (default 2), a reload fails no request. Without it: one
 * process, because the embedded PostgreSQL in DATA_DIR has one owner; its reload is a stop and a start, and providers
 * repeat what they could not deliver meanwhile. PM2 keeps the mode of an app it knows: after adding or removing
 * DATABASE_URL, `pm2 delete webhook-gateway` first.
 */
const { existsSync, readFileSync } = require('node:fs');
const { join } = require('node:path');
const { parseEnv } = require('node:util');

const MIB = 1024 * 1024;

/** What the daemon will find: the environment over `.env`, where empty means not set. */
const envFile = join(__dirname, '.env');
const environment = { ...(existsSync(envFile) ? parseEnv(readFileSync(envFile, 'utf8')) : {}), ...process.env };
const setting = (name) => environment[name]?.trim() || undefined;
/** A value that is no number is the daemon's to complain about. */
const number = (name, fallback) => Number(setting(name)) || fallback;

const cluster = Boolean(setting('DATABASE_URL') ?? setting('DATABASE_URL_FILE'));

module.exports = {
  apps: [
    {
      name: 'webhook-gateway',
      script: 'dist/main.js',
      // DATA_DIR and `.env` are relative to it.
      cwd: __dirname,
      exec_mode: cluster ? 'cluster' : 'fork',
      instances: cluster ? number('WEB_CONCURRENCY', 2) : 1,
      // A rejected import would only be logged by PM2's cluster mode, and the process then counts as online for ever.
      node_args: '--unhandled-rejections=strict',

      // The daemon reports ready when it takes webhooks. The worst start: initdb or a crash recovery of the embedded
      // PostgreSQL, then 10 s for migrations; with an outside one that is away, 10 s. What is late counts as ready.
      wait_ready: true,
      listen_timeout: 60_000,
      // At a reload PM2 starts the new process, then stops the old one, which serves on for a while: each answer closes its
      // connection, so the kept ones move over one by one.
      env: cluster && !setting('SHUTDOWN_DELAY_MS') ? { SHUTDOWN_DELAY_MS: '500' } : {},
      env_production: { NODE_ENV: 'production' },
      // Above the daemon's own limit: SIGKILL loses no webhook that was answered, but cuts those in flight.
      kill_timeout: Math.max(10_000, number('SHUTDOWN_TIMEOUT_MS', 8_000) + 2_000),
      // The default signals the whole process tree: the embedded PostgreSQL would be gone before the last webhook is stored.
      treekill: false,

      // 250 MiB for the process itself, and the webhook bodies that it may hold in memory.
      max_memory_restart: 250 * MIB + number('INGEST_MAX_BYTES', 256 * MIB),
      // A fault of the configuration exits 1, as a crash does. Six exits, each within 10 s of its start and all within a minute
      // of the first start (or the last reload or restart), and PM2 gives up: its log says "errored". PM2 7 then shows
      // "waiting restart" all the same, because of the backoff, but tries no more until `pm2 restart`. Any other crash is
      // restarted for ever: after 0.25 s at first, at most 15 s later.
      exp_backoff_restart_delay: 250,
      min_uptime: 10_000,
      max_restarts: 6,

      // The log lines carry time and pid.
      merge_logs: true,
      // Nothing of PM2's monitoring agent inside the process.
      pmx: false,
    },
  ],
};
