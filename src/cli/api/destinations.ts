/** `webhook-gateway destinations`: where events are forwarded to. */
import { type Command, Option } from 'commander';
import type { z } from 'zod';
import type { outcome } from '../../http/routes/api/delivery-schemas.ts';
import { ApiError } from './api-client.ts';
import { type Destination, destinationId } from './destination-names.ts';
import {
  type DestinationOptions,
  destinationFields,
  targetOf,
  withDestinationOptions,
  withNewDestinationOptions,
} from './destination-options.ts';
import { named, withExamples, withPaging } from './options.ts';
import { type ListOptions, printList } from './pages.ts';
import type { OpenSession } from './session.ts';
import type { Column } from './table.ts';

type Outcome = z.infer<typeof outcome>;

const COLUMNS: readonly Column<Destination>[] = [
  { head: 'name', value: ({ name }) => name },
  { head: 'state', value: ({ state, health }) => (health?.circuitOpen === true ? `${state}, failing` : state) },
  { head: 'target', value: ({ target }) => addressOf(target), shrinks: true },
  { head: 'types', value: ({ filter }) => filter.types, shrinks: true },
  { head: 'format', value: ({ format }) => format },
  { head: 'id', value: ({ id }) => id },
];

export function addDestinations(program: Command, open: OpenSession): void {
  const group = program.command('destinations').description('Destinations: where events are forwarded to.');
  withExamples(group, [
    ['destinations', 'lists them'],
    ["destinations create billing https://billing.example.com/webhooks --types 'invoice.*'"],
    ['destinations pause billing', 'by its name or id'],
  ]);
  withExamples(
    withPaging(group.command('list', { isDefault: true }).description('Lists destinations, newest first.')).action(
      (options: ListOptions, command: Command) => printList(open(command), '/destinations', COLUMNS, { ...options }),
    ),
    [['destinations list --all']],
  );
  withExamples(
    group
      .command('show <destination>')
      .description('Shows a destination with its health.')
      .action(async (name: string, _options: unknown, command: Command) => {
        const { api, out } = open(command);
        out.record(await api.get<object>(`/destinations/${await destinationId(api, name)}`));
      }),
    [['destinations show billing']],
  );
  addCreate(group, open);
  addUpdate(group, open);
  addDelete(group, open);
  addPauseAndResume(group, open);
  addTest(group, open);
}

function addCreate(group: Command, open: OpenSession): void {
  const create = group
    .command('create <name> <target>')
    .description('Adds a destination: a URL, or stream:<key> for a stream of the gateway’s Redis.');
  withNewDestinationOptions(create).action(
    async (name: string, target: string, options: DestinationOptions, command: Command) => {
      const { api, out } = open(command);
      const body = { name, target: targetOf(target, options), ...destinationFields(options) };
      const made = await api.post<{ generatedSecret: string | null }>('/destinations', body);
      out.record(made);
      if (made.generatedSecret !== null) out.note('The generated secret is shown this once.');
    },
  );
  withExamples(create, [
    ["destinations create billing https://billing.example.com/webhooks --types 'invoice.*'"],
    ['destinations create crm https://crm.example.com/hook --format native --signing provider --secret-file secret'],
    ['destinations create log stream:webhooks --max-length 1000000'],
  ]);
}

function addUpdate(group: Command, open: OpenSession): void {
  const update = group
    .command('update <destination>')
    .description('Changes what is given; the rest stays. Headers and secrets are replaced as a whole.')
    .option('--name <name>', 'a new name', named)
    .option('--target <target>', 'a URL, or stream:<key>', named);
  withDestinationOptions(update).action(
    async (given: string, options: DestinationOptions & { name?: string; target?: string }, command: Command) => {
      const { api, out } = open(command);
      const path = `/destinations/${await destinationId(api, given)}`;
      const present = await api.get<Destination>(path);
      const { name, target } = options;
      const body = {
        name,
        target: target === undefined ? undefined : targetOf(target, options),
        ...destinationFields(options, present),
      };
      out.record(await api.patch<object>(path, body));
    },
  );
  withExamples(update, [
    ["destinations update billing --types 'invoice.*,charge.*' --concurrency 20"],
    ['destinations update billing --secret-file new --secret-file old', 'during a roll'],
  ]);
}

function addDelete(group: Command, open: OpenSession): void {
  const remove = group
    .command('delete <destination>')
    .description('Removes a destination. While deliveries to it are not finished it stays.')
    .option('--force', 'cancels what is not finished')
    .action(async (name: string, { force }: { force?: true }, command: Command) => {
      const { api, out } = open(command);
      const path = `/destinations/${await destinationId(api, name)}`;
      await api.delete(path, force === true ? { force } : {}).catch(sayOption);
      out.done(`The destination ${name} is removed.`);
    });
  withExamples(remove, [['destinations delete billing'], ['destinations delete billing --force']]);
}

/** The API names its parameter, people here have an option. */
function sayOption(error: unknown): never {
  if (!(error instanceof ApiError)) throw error;
  throw new ApiError(error.message.replace('by ?force=true', 'with --force'), error.status);
}

function addPauseAndResume(group: Command, open: OpenSession): void {
  const pause = group
    .command('pause <destination>')
    .description('Pauses a destination. It is owed events all the same, and gets them when it is resumed.')
    .option('--reason <text>', 'for people')
    .action(async (name: string, { reason }: { reason?: string }, command: Command) => {
      const { api, out } = open(command);
      out.record(await api.post<object>(`/destinations/${await destinationId(api, name)}/pause`, { reason }));
    });
  withExamples(pause, [['destinations pause billing --reason "moves to another region"']]);
  const resume = group
    .command('resume <destination>')
    .description('Resumes a destination: what it is owed is sent.')
    .action(async (name: string, _options: unknown, command: Command) => {
      const { api, out } = open(command);
      out.record(await api.post<object>(`/destinations/${await destinationId(api, name)}/resume`));
    });
  withExamples(resume, [['destinations resume billing']]);
}

function addTest(group: Command, open: OpenSession): void {
  const test = group
    .command('test <destination>')
    .description('Sends a sample to a destination, once, and says what came back. Exit code 1 unless it was delivered.')
    .addOption(new Option('--provider <name>', 'in whose form').choices(['stripe', 'whatsapp', 'gateway']))
    .option('--type <type>', 'such as invoice.paid')
    .action(async (name: string, { provider, type }: { provider?: string; type?: string }, command: Command) => {
      const { api, out, exitWith } = open(command);
      const answer = await api.post<Outcome>(`/destinations/${await destinationId(api, name)}/test`, {
        provider,
        type,
      });
      out.record(answer);
      if (answer.failure !== null) exitWith(1);
    });
  withExamples(test, [['destinations test billing'], ['destinations test billing --type invoice.payment_failed']]);
}

function addressOf(target: Destination['target']): string {
  return target.kind === 'http' ? target.url : `stream:${target.stream}`;
}
