/** One turn of one rival: a stretch of load, and what it cost. */
import type { RunResult } from './load/generator.ts';
import type { Bodies } from './load/requests.ts';
import type { Bench } from './measurement.ts';
import { cpuMicroseconds } from './processes.ts';
import type { Rival } from './rivals/rival.ts';
import { BODY_BYTES, CONNECTIONS } from './settings.ts';

export interface TurnOptions {
  readonly seconds?: number;
  readonly bodies?: Omit<Bodies, 'count'>;
  /** Requests to prepare a second; default: as many as the fastest rival could take. */
  readonly prepare?: number;
  readonly connections?: number;
  readonly rate?: number;
  /** The last requests again, from the first on and over and over. */
  readonly again?: boolean;
}

export interface Turn extends RunResult {
  /** Requests answered 200 a second. */
  readonly perSecond: number;
  /** Microseconds of processor time for each of them. */
  readonly cpu: number;
  readonly postgresCpu: number;
  /** Bytes of write-ahead log for each of them. */
  readonly wal: number;
}

/** @throws Error if anything was answered other than 200: a figure over refusals would mean nothing */
export async function takeTurn(bench: Bench, rival: Rival, options: TurnOptions = {}): Promise<Turn> {
  const { servers, load } = bench;
  const seconds = options.seconds ?? bench.seconds;
  const bodies = options.bodies ?? { kind: 'stripe', bytes: BODY_BYTES };
  if (!options.again) await load.prepare({ ...bodies, count: Math.ceil(seconds * (options.prepare ?? bench.topRate)) });
  await servers.checkpoint();
  const before = [cpuMicroseconds(rival.pid), servers.postgresCpu(), await servers.walBytes()] as const;
  const result = await load.run({
    port: rival.port,
    connections: options.connections ?? CONNECTIONS,
    seconds,
    rate: options.rate,
    cycle: options.again,
  });
  const { answered } = result;
  if (Object.keys(result.failures).length > 0) {
    throw new Error(`${rival.name} did not answer everything 200: ${JSON.stringify(result.failures)}`);
  }
  return {
    ...result,
    perSecond: answered / result.seconds,
    cpu: (cpuMicroseconds(rival.pid) - before[0]) / answered,
    postgresCpu: (servers.postgresCpu() - before[1]) / answered,
    wal: ((await servers.walBytes()) - before[2]) / answered,
  };
}

export function describeTurn(rival: Rival, turn: Turn): string {
  const { p50, p95, p99 } = turn.latency;
  const latency = [p50, p95, p99].map((value) => value.toFixed(1)).join(' / ');
  return (
    `${rival.name.padEnd(16)} ${Math.round(turn.perSecond).toString().padStart(7)}/s   p50/p95/p99 ${latency} ms   ` +
    `CPU ${turn.cpu.toFixed(0)} us, PostgreSQL ${turn.postgresCpu.toFixed(0)} us, WAL ${turn.wal.toFixed(0)} B   ` +
    `load generator ${(turn.busy * 100).toFixed(0)} %`
  );
}
