/** An empty text where a name or an id belongs, as of a variable of a shell that is not set, and what is no id where one belongs. */
import type { Argument, Command } from 'commander';
import { validate as isUuid } from 'uuid';
import { visible } from './table.ts';

/** Arguments that take an id and no name. */
const IDS: readonly string[] = ['id', 'events'];

/** Makes every command refuse it: `/events/` would be the list of events. */
export function refuseWrongArguments(program: Command): void {
  program.hook('preAction', (_program, command) => {
    for (const argument of command.registeredArguments) refuseWrong(command, argument);
  });
}

function refuseWrong(command: Command, argument: Argument): void {
  const index = command.registeredArguments.indexOf(argument);
  const given = argument.variadic ? command.args.slice(index) : command.args.slice(index, index + 1);
  const name = argument.name();
  for (const text of given) {
    const what = whatIsWrong(command, name, text);
    if (what !== null) command.error(`error: <${name}>: ${what}`, { code: 'commander.invalidArgument', exitCode: 2 });
  }
}

function whatIsWrong(command: Command, name: string, text: string): string | null {
  if (text.trim() === '') return 'it is empty.';
  if (!IDS.includes(name) || isUuid(text)) return null;
  // `show <id>` stands below what it is the id of; `replay <events>` says itself.
  const group = name === 'id' ? command.parent?.name() : name;
  return `${visible(text)} is no id: \`webhook-gateway ${group}\` lists the ids.`;
}
