import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { createProgram, everyCommand } from '../../../src/cli/api/program.ts';
import { newDestination } from '../../../src/http/routes/api/destination-schemas.ts';

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

const lists = commands.filter(([path]) => path.endsWith(' list'));

test.each(lists)('the options of %s stand in the help of its group too', (_, list) => {
  const group = list.parent as Command;
  const help = helpOf(group);
  for (const { flags } of list.options) expect(help).toContain(`  ${flags} `);
  expect(help).toContain('--help');
  // And in that of no other verb.
  const others = group.commands.filter((command) => command !== list && command.options.length === 0);
  for (const other of others) expect(helpOf(other)).not.toContain('--limit');
});

test('a new destination has what its help says, and a change has no defaults', () => {
  const made = newDestination.parse({ name: 'x', target: { kind: 'http', url: 'https://example.com' } });
  const helpOfVerb = (verb: string) => {
    const found = commands.find(([path]) => path.endsWith(` destinations ${verb}`));
    return helpOf(found?.[1] as Command).replace(/\s+/g, ' ');
  };
  const help = helpOfVerb('create');
  const { timeoutMs, concurrency, retrySchedule, format, signing, ordering } = made;
  const shown = { timeout: timeoutMs / 1_000, concurrency, retry: retrySchedule.join(','), format, signing, ordering };
  for (const [option, preset] of Object.entries(shown)) {
    expect(help).toMatch(new RegExp(`--${option} <(?:(?! --).)*\\(default: ${preset}[;,)]`));
  }
  expect(helpOfVerb('update')).not.toMatch(/--(timeout|retry) <(?:(?! --).)*default/);
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
