/** The daemon's own composition in the test's process: quick to start, and its log can be read. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { type Gateway, startGateway } from '../../src/compose.ts';
import { loadConfig } from '../../src/config.ts';
import { readMetric } from './metrics.ts';
import { PROVIDER_ENVIRONMENT } from './webhooks.ts';

export interface TestGateway {
  readonly url: string;
  readonly gateway: Gateway;
  /** Every log line so far, parsed. */
  readonly log: readonly Record<string, unknown>[];
  /** Value of one series of /metrics, written as there: `name{label="value"}`. */
  metric(series: string): Promise<number>;
  stop(): Promise<void>;
}

/**
 * @param environment on top of the suite's secrets, a free port, a DATA_DIR of its own, and a commit that may take its time:
 * on a busy machine the default would now and then be over, and the webhook spooled
 */
export async function startTestGateway(environment: Record<string, string>): Promise<TestGateway> {
  const dataDir = mkdtempSync(join(tmpdir(), 'gateway-test-'));
  const log: Record<string, unknown>[] = [];
  const logger = pino({ level: 'debug' }, { write: (line) => void log.push(JSON.parse(line)) });
  const config = loadConfig({
    PORT: '0',
    DATA_DIR: dataDir,
    COMMIT_TIMEOUT_MS: '30000',
    ...PROVIDER_ENVIRONMENT,
    ...environment,
  });
  const gateway = await startGateway(config, logger);
  if (gateway === null) throw new Error('nobody stopped it');
  return {
    url: gateway.url,
    gateway,
    log,
    metric: (series) => readMetric(gateway.url, series),
    async stop() {
      await gateway.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
