import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { createProgram, everyCommand } from '../../../src/cli/api/program.ts';

const program = () =>
  createProgram(() => {
    throw new Error('nothing is run here');
  });

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

function helpOf(command: Command): string {
  const parts: string[] = [];
  command.configureOutput({ writeOut: (part) => parts.push(part) }).outputHelp();
  return parts.join('');
}

const commands = everyCommand(program()).map((command) => [pathOf(command), command] as const);

test('the verbs that are promised are there', () => {
  const verbs = ['events', 'tail', 'replay', 'destinations', 'deliveries', 'keys', 'listen'];
  expect(commands.map(([path]) => path)).toEqual(
    expect.arrayContaining(verbs.map((verb) => `webhook-gateway ${verb}`)),
  );
});

test.each(commands)('the help of %s says what it does and how, and ends with examples of it', (path, command) => {
  const help = helpOf(command);
  expect(command.description()).toMatch(/^[A-Z].+\.$/);
  const [, examples = ''] = help.split('\nExamples:\n');
  expect(examples.split('\n')[0]).toMatch(/^ {2}webhook-gateway /);
  // An alias of a group, such as `events` for `events list`, is as good.
  const verb = path.split(' ')[1] ?? 'status';
  expect(examples).toContain(`  webhook-gateway ${verb}`);
});

test('every example is typed as its command takes it', async () => {
  const examples = commands.flatMap(([, command]) =>
    [...helpOf(command).matchAll(/^ {2}webhook-gateway (.+?)(?: {2,}.*| [|>].*)?$/gm)].map(([, typed = '']) => typed),
  );
  expect(examples.length).toBeGreaterThan(50);
  for (const example of new Set(examples)) {
    const fresh = program();
    for (const command of everyCommand(fresh)) {
      // Commander's own exit tells of a fault; what the command would do is not the question here.
      command.exitOverride().configureOutput({ writeErr: () => undefined });
      if (command.commands.length === 0) command.action(() => undefined);
    }
    const typed = [...example.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
      ([, one, two, bare]) => one ?? two ?? bare ?? '',
    );
    await expect(fresh.parseAsync(typed, { from: 'user' }), example).resolves.toBeDefined();
  }
});
