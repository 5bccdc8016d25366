/** A group such as `events` stands for its `list`, so that a verb which there is not would be taken for an argument of that. */
import { type Command, Help } from 'commander';

/** Makes every group say which verbs it has when it is given another. */
export function refuseUnknownVerbs(program: Command): void {
  for (const group of program.commands) {
    const list = listOf(group);
    list?.allowExcessArguments().hook('preAction', () => refuseArguments(group, list));
  }
}

/** Makes the help of every group show the options of its `list`, which are typed behind the group as well. */
export function showListOptions(program: Command): void {
  for (const group of program.commands) {
    const list = listOf(group);
    if (list === undefined) continue;
    const visibleOptions = (command: Command) => [...list.options, ...new Help().visibleOptions(command)];
    group.configureHelp({ ...group.configureHelp(), visibleOptions });
  }
}

function listOf(group: Command): Command | undefined {
  return group.commands.find((command) => command.name() === 'list');
}

function refuseArguments(group: Command, list: Command): void {
  const [given] = list.args;
  if (given === undefined) return;
  const verbs = group.commands.map((command) => command.name());
  // A verb that there is arrives here behind an option, or behind `list`.
  const what =
    group.args[0] === 'list' || verbs.includes(given)
      ? `\`${group.name()} list\` takes no \`${given}\`; a verb comes right behind \`${group.name()}\``
      : `there is no \`${group.name()} ${given}\``;
  list.error(`error: ${what}: ${verbs.join(', ')}`, { code: 'commander.unknownCommand', exitCode: 2 });
}
