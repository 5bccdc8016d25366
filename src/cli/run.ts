/** Runs a command, and ends the process with what the command's outcome means. */
import { type Command, CommanderError } from 'commander';
import { StartupError } from '../core/errors.ts';
import { endAtOutputFault } from './output-fault.ts';
import { UsageError } from './usage-error.ts';

/**
 * Exit code 0; 2 if it was typed wrongly; 1 with one readable message if the command fails in a way it foresaw, or its output
 * cannot be written; else the whole error.
 */
export async function run(command: Command): Promise<void> {
  // A command that changes something has not done all of it when it ends there.
  endAtOutputFault(process.stdout, process.stderr, { readerMayLeave: false });
  try {
    await command.exitOverride().parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has said it. Its own 0 is that of --help.
      process.exitCode = error.exitCode === 0 ? 0 : 2;
      return;
    }
    const text = error instanceof StartupError ? error.message : String((error as Error).stack ?? error);
    process.stderr.write(`${text}\n`);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}
