/** What every command over the API begins with. */
import type { Command } from 'commander';
import type { Environment } from '../../config.ts';
import { ApiClient } from './api-client.ts';
import { Output, type TerminalStream } from './output.ts';
import { findPlace, type PlaceOptions } from './place.ts';

/** Where a command runs. */
export interface Surroundings {
  /** What is typed behind `webhook-gateway`. */
  readonly args: readonly string[];
  readonly environment: () => Environment;
  readonly stdout: TerminalStream;
  readonly stderr: TerminalStream;
  /** Aborts at Ctrl-C and SIGTERM, with the name of the signal as its reason. Asked for by what goes on until then. */
  readonly stopSignal: () => AbortSignal;
}

export interface Session extends Pick<Surroundings, 'stderr' | 'stopSignal'> {
  readonly api: ApiClient;
  readonly out: Output;
  /** For what has not failed, and is no success either. */
  exitWith(code: number): void;
}

/** @throws StartupError if there is no gateway or no key to be found */
export type OpenSession = (command: Command) => Session;

interface GlobalOptions extends PlaceOptions {
  /** Undefined: tables on a terminal, JSON elsewhere. */
  readonly json?: boolean;
}

export function sessionOpener(surroundings: Surroundings, exitWith: (code: number) => void): OpenSession {
  const { stdout, stderr, environment, stopSignal } = surroundings;
  return (command) => {
    const { json, ...place } = command.optsWithGlobals<GlobalOptions>();
    return {
      api: new ApiClient(findPlace(place, environment())),
      out: new Output({ json: json ?? stdout.isTTY !== true, stdout, stderr }),
      stderr,
      stopSignal,
      exitWith,
    };
  };
}

/** The options every command has. */
export function withGlobalOptions(program: Command): Command {
  return program
    .option(
      '--url <url>',
      'the gateway, such as https://gateway.example.com; also WEBHOOK_GATEWAY_URL (default: the one that runs on DATA_DIR)',
    )
    .option(
      '--key-file <path>',
      'a file that holds the key of the API (default: WEBHOOK_GATEWAY_KEY, ADMIN_API_KEY, the generated one)',
    )
    .option('--json', 'JSON, one value a line (default where standard output is no terminal)')
    .option('--no-json', 'tables, also where standard output is no terminal');
}
