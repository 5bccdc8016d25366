/** The process: configuration, start, signals, exit codes. 0 after a stop in time; 1 for everything else. */
import closeWithGrace from 'close-with-grace';
import { announce } from './announce.ts';
import { type Gateway, startGateway } from './compose.ts';
import { type Config, loadConfig, readEnvironment, startedByNpm } from './config.ts';
import { StartupError } from './core/errors.ts';
import { describeMisspelt, misspeltVariables } from './misspelt-variables.ts';
import { createLogger, type Logger } from './observability/logger.ts';

const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/**
 * The exit library listens for these too. They tell of a fault of the machine's code: once a handler returns, the same
 * instruction faults again, and the process spins for ever instead of dying and being restarted.
 */
const FATAL_SIGNALS = ['SIGILL', 'SIGTRAP', 'SIGABRT', 'SIGBUS', 'SIGFPE', 'SIGSEGV'] as const;
/** Milliseconds within which npm's copy of a Ctrl-C arrives. */
const ECHO_MS = 500;

const terminal = process.stdout.isTTY === true;

async function main(): Promise<void> {
  const environment = readEnvironment();
  const config = loadConfig(environment);
  const logger = createLogger({ level: config.LOG_LEVEL, terminal });
  for (const misspelt of misspeltVariables(environment)) logger.warn(describeMisspelt(misspelt));
  const stop = new AbortController();
  const starting = startGateway(config, logger, stop.signal);
  // Before the start has ended: a signal or a failure meanwhile must find somebody in charge. In PM2's cluster mode nobody
  // else ends the process after an unhandled rejection.
  exitGracefully({ config, logger, starting, stop });
  const gateway = await starting;
  // Null: a stop came first, and whoever stops the process ends it.
  if (gateway === null) return;
  announce({ config, gateway, logger, terminal });
  process.send?.('ready');
}

interface Running {
  readonly config: Config;
  readonly logger: Logger;
  readonly starting: Promise<Gateway | null>;
  /** Cuts a start short. */
  readonly stop: AbortController;
}

function exitGracefully({ config, logger, starting, stop }: Running): void {
  const delay = config.SHUTDOWN_TIMEOUT_MS;
  const onTimeout = () => logger.error(`the stop took longer than SHUTDOWN_TIMEOUT_MS (${delay}): exiting with 1`);
  const options = { delay, onTimeout, logger: exitLogger(logger), skip: [...STOP_SIGNALS, ...FATAL_SIGNALS] };
  const { close } = closeWithGrace(options, async ({ err }) => {
    if (err !== undefined) logger.error({ err }, 'stopping after an error nobody handled');
    stop.abort();
    const gateway = await starting.catch(() => null);
    await gateway?.stop();
    if (err === undefined) logger.info('stopped');
  });
  let first: { signal: NodeJS.Signals; at: number } | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    if (first === undefined) {
      first = { signal, at: performance.now() };
      logger.info({ signal }, 'stopping');
      close();
      return;
    }
    const echo = startedByNpm() && signal === first.signal && performance.now() - first.at < ECHO_MS;
    if (echo) return;
    logger.error({ signal }, 'second signal: exiting at once');
    process.exit(1);
  };
  for (const signal of STOP_SIGNALS) process.on(signal, onSignal);
}

/** The library logs the error a second time, with properties that ours leaves out on purpose. */
function exitLogger(logger: Logger) {
  return {
    error: (message: unknown) => logger.error(typeof message === 'string' ? message : 'the stop failed'),
  };
}

main().catch((error: unknown) => {
  if (error instanceof StartupError) {
    process.stderr.write(`${error.message}\n`);
  } else {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  }
  process.exit(1);
});
