/** The verbs of the API as commands, a file each. */
import { Command, CommanderError } from 'commander';
import { StartupError } from '../../core/errors.ts';
import { VERSION } from '../../package.ts';
import { UsageError } from '../usage-error.ts';
import { addAudit } from './audit.ts';
import { addDeliveries } from './deliveries.ts';
import { addDestinations } from './destinations.ts';
import { addEvents } from './events.ts';
import { addFollowers } from './followers.ts';
import { refuseUnknownVerbs, showListOptions } from './group-verbs.ts';
import { addKeys } from './keys.ts';
import { addListen } from './listen.ts';
import { withExamples } from './options.ts';
import { addReplay, addReplays } from './replay.ts';
import { type OpenSession, type Surroundings, sessionOpener, withGlobalOptions } from './session.ts';
import { addStatus } from './status.ts';
import { addTail } from './tail.ts';
import { refuseWrongArguments } from './wrong-arguments.ts';

const NOTES = `In the folder of a gateway that runs on this machine (or with its DATA_DIR) neither --url nor a key is needed. A key is never
an argument: others could read it in the list of processes. Exit code: 0; 1 if it failed; 2 if it was typed wrongly.`;

/** @returns the exit code, also where the command has failed: what is wrong has been said then */
export async function runProgram(surroundings: Surroundings): Promise<number> {
  const { args, stdout, stderr } = surroundings;
  let code = 0;
  const open = sessionOpener(surroundings, (given) => {
    code = given;
  });
  const program = createProgram(open);
  const output = { writeOut: (text: string) => stdout.write(text), writeErr: (text: string) => stderr.write(text) };
  for (const command of everyCommand(program)) command.configureOutput(output);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    // Commander has said it.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const text = error instanceof StartupError ? error.message : String((error as Error).stack ?? error);
    stderr.write(`${text}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
}

/** It and all below it. */
export function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}

/** Nothing is read from the environment before a command runs. A fault in what is typed throws a `CommanderError`. */
export function createProgram(open: OpenSession): Command {
  const program = new Command('webhook-gateway')
    .description('Looks into a webhook gateway and runs it, over its API.')
    .version(VERSION)
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(--help shows the options)')
    .exitOverride();

  withGlobalOptions(program);
  addStatus(program, open);
  addEvents(program, open);
  addTail(program, open);
  addListen(program, open);
  addFollowers(program, open);
  addReplay(program, open);
  addReplays(program, open);
  addDestinations(program, open);
  addDeliveries(program, open);
  addKeys(program, open);
  addAudit(program, open);
  refuseUnknownVerbs(program);
  showListOptions(program);
  refuseWrongArguments(program);
  withExamples(
    program,
    [
      ['status'],
      ["events --type 'invoice.*' --from 2h"],
      ['listen --forward-to http://localhost:8080/hook'],
      ['status --url https://gateway.example.com --key-file ~/.gateway-key'],
    ],
    NOTES,
  );
  return program;
}
