#!/usr/bin/env node
/** `webhook-gateway`: the API of a gateway, this machine's or another, from the command line. */
import { readEnvironment } from '../config.ts';
import { runProgram } from './api/program.ts';
import { endAtOutputFault } from './output-fault.ts';
import { stopSignal } from './stop-signal.ts';

/** Milliseconds within which npm's copy of a Ctrl-C arrives, below `npx`. */
const ECHO_MS = 500;

const { stdout, stderr } = process;

endAtOutputFault(stdout, stderr, { readerMayLeave: true });

process.exitCode = await runProgram({
  args: process.argv.slice(2),
  environment: readEnvironment,
  stdout,
  stderr,
  stopSignal() {
    const signal = stopSignal();
    signal.addEventListener('abort', exitAtSecondSignal);
    return signal;
  },
});

/** The first one lets what is under way be finished, for as long as that takes. */
function exitAtSecondSignal(): void {
  const firstAt = performance.now();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (performance.now() - firstAt > ECHO_MS) process.exit(130);
    });
  }
}
