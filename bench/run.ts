/**
 * Measures the gateway against its rivals, all in one run on one machine, and prints medians and ratios.
 *
 *   npm run bench -- [--only throughput,latency] [--long] [--rounds 3] [--seconds 5]
 */
import { Command } from 'commander';
import { Load } from './load/load.ts';
import type { Bench, Figure, Measurement } from './measurement.ts';
import { batches } from './measurements/batches.ts';
import { deliveries } from './measurements/deliveries.ts';
import { dispatch } from './measurements/dispatch.ts';
import { duplicates } from './measurements/duplicates.ts';
import { growth } from './measurements/growth.ts';
import { latency } from './measurements/latency.ts';
import { limit } from './measurements/limit.ts';
import { lone } from './measurements/lone.ts';
import { memory } from './measurements/memory.ts';
import { processes } from './measurements/processes.ts';
import { statement } from './measurements/statement.ts';
import { statuses } from './measurements/statuses.ts';
import { tableSize } from './measurements/table-size.ts';
import { throughput } from './measurements/throughput.ts';
import { describeMachine, printTable } from './report.ts';
import { startServers } from './servers.ts';
import { BODY_BYTES, CONNECTIONS } from './settings.ts';

const SHORT: Readonly<Record<string, Measurement>> = {
  throughput,
  latency,
  duplicates,
  statuses,
  lone,
  processes,
  growth,
  dispatch,
  deliveries,
};
const LONG: Readonly<Record<string, Measurement>> = { memory, tableSize, batches, statement, limit };
const ALL = { ...SHORT, ...LONG };

const command = new Command('bench')
  .description('Measures the gateway against its rivals on this machine.')
  .option('--only <names>', `some of ${Object.keys(ALL).join(', ')}`)
  .option('--long', 'also ten million rows, five minutes of memory, and other batch settings')
  .option('--rounds <number>', 'turns of each rival', '3')
  .option('--seconds <number>', 'seconds of each turn', '5')
  .option(
    '--age <gigabytes>',
    'write-ahead log written first, so that the server is like one that has run for a while',
    '3',
  )
  .option('--check', 'exit with 1 if a figure misses what it must reach')
  .parse();
const options = command.opts<{
  only?: string;
  long?: boolean;
  rounds: string;
  seconds: string;
  age: string;
  check?: boolean;
}>();

const names = options.only?.split(',') ?? [...Object.keys(SHORT), ...(options.long ? Object.keys(LONG) : [])];
for (const name of names) {
  if (!Object.hasOwn(ALL, name)) command.error(`--only: there is no ${name}; there are ${Object.keys(ALL).join(', ')}`);
}

const startedAt = performance.now();
console.log(describeMachine());
const servers = await startServers(Number(options.age));
const load = new Load();
const figures: Figure[] = [];
try {
  console.log(servers.description);
  console.log(
    `${CONNECTIONS} connections, Stripe bodies of ${BODY_BYTES} bytes, made and signed beforehand; load: one process with raw sockets`,
  );
  console.log(`${options.rounds} rounds of ${options.seconds} s; everything shares this machine`);
  const bench: Bench = {
    servers,
    load,
    rounds: Number(options.rounds),
    seconds: Number(options.seconds),
    topRate: 24_000,
    known: {},
    log: (line) => console.log(`  ${line}`),
  };
  for (const name of names) {
    console.log(`\n${name}`);
    figures.push(...(await (ALL[name] as Measurement)(bench)));
  }
} finally {
  load.close();
  await servers.close();
}
console.log(`\n${printTable(figures)}`);
console.log(`\n${((performance.now() - startedAt) / 60_000).toFixed(1)} minutes`);
const missed = figures.filter(({ value, required, better }) =>
  required === undefined ? false : better === 'lower' ? value > required : value < required,
);
process.exit(options.check && missed.length > 0 ? 1 : 0);
