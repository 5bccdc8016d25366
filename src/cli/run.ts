/** Runs a command, and ends the process with what the command's outcome means. */
import type { Command } from 'commander';
import { StartupError } from '../core/errors.ts';

/** Exit code 0; 1 with one readable message if the command fails in a way it foresaw; else the whole error. */
export async function run(command: Command): Promise<void> {
  try {
    await command.parseAsync();
  } catch (error) {
    const text = error instanceof StartupError ? error.message : String((error as Error).stack ?? error);
    process.stderr.write(`${text}\n`);
    process.exitCode = 1;
  }
}
