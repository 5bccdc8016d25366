/** `npm run doctor`: looks at everything the gateway needs, and says what to do where something is wrong. Changes nothing. */
import { Command } from 'commander';
import { readEnvironment } from '../config.ts';
import { examine } from './doctor/examine.ts';
import { isHealthy, reportAsJson, reportAsText } from './doctor/report.ts';
import { run } from './run.ts';

const command = new Command('doctor')
  .description('Checks configuration, secrets, disk, database, Redis and the daemon. Changes and starts nothing.')
  .option('--json', 'print JSON')
  .addHelpText('after', '\nExit code: 1 if anything is at fault; 2 if it was typed wrongly; else 0.')
  .action(doctor);

await run(command);

async function doctor(options: { readonly json?: true }): Promise<void> {
  const sections = await examine(readEnvironment());
  process.stdout.write(options.json === true ? reportAsJson(sections) : reportAsText(sections));
  process.exitCode = isHealthy(sections) ? 0 : 1;
}
