/** `webhook-gateway events`: what was received. */
import type { Command } from 'commander';
import type { z } from 'zod';
import type { event, eventDetail } from '../../http/routes/api/event-schemas.ts';
import { deliveryColumns } from './delivery-columns.ts';
import { everyDestination } from './destination-names.ts';
import { payloadText } from './exact-json.ts';
import { named, TIME_HELP, time, withExamples, withPaging } from './options.ts';
import { type ListOptions, printList } from './pages.ts';
import type { OpenSession } from './session.ts';
import { type Column, utc, visible } from './table.ts';

type Event = z.infer<typeof event>;
type EventDetail = z.infer<typeof eventDetail>;

interface EventFilter extends ListOptions {
  readonly source?: string;
  readonly type?: string;
  readonly subject?: string;
  readonly id?: string;
  readonly dedupeKey?: string;
  readonly from?: string;
  readonly to?: string;
  readonly text?: string;
}

const COLUMNS: readonly Column<Event>[] = [
  { head: 'received (UTC)', value: ({ receivedAt }) => utc(receivedAt) },
  { head: 'source', value: ({ source }) => source },
  { head: 'type', value: ({ type }) => type, shrinks: true },
  { head: 'subject', value: ({ subject }) => subject, shrinks: true },
  { head: 'id', value: ({ id }) => id },
];

export function addEvents(program: Command, open: OpenSession): void {
  const group = program.command('events').description('Events: what was received.');
  withExamples(group, [
    ['events', 'the newest'],
    ['events show 019aa0f2-6f1e-7c3e-b0a5-3d5c2f9e8a11', 'one, with its payload and deliveries'],
  ]);
  const list = withPaging(group.command('list', { isDefault: true }).description('Lists events, newest first.'))
    .option('--source <name>', 'of this source, such as stripe', named)
    .option('--type <type>', 'of this type; a * at the end stands for any rest')
    .option('--subject <subject>', 'about this customer, phone number, …', named)
    .option('--id <id>', 'with this id: the provider’s own (evt_…, wamid.…) or ours; found at once', named)
    .option('--dedupe-key <key>', 'of this dedupe key, whole; found at once', named)
    .option('--from <time>', `received at or after: ${TIME_HELP}`, time)
    .option('--to <time>', 'received before', time)
    .option('--text <text>', 'with this text in the payload; needs --from, 7 days at most')
    .action(async ({ dedupeKey: key, ...options }: EventFilter, command: Command) => {
      await printList(open(command), '/events', COLUMNS, { ...options, key });
    });
  withExamples(list, [
    ['events list --limit 50'],
    ["events --type 'invoice.*' --from 2h", 'invoices of the last two hours'],
    ['events --from 1d --text cus_Nffr --all', 'whose payload tells of that customer'],
    ['events --id evt_1QX…', 'the one with Stripe’s id'],
    ['events --id wamid.HBgL…', 'a message, and all its statuses'],
    ['events --from 2026-11-20 --all --json > events.ndjson'],
  ]);
  const show = group
    .command('show <id>')
    .description('Shows an event with its payload, request and deliveries.')
    .action(async (id: string, _options: unknown, command: Command) => {
      const session = open(command);
      const { api, out } = session;
      const text = await api.text('GET', `/events/${encodeURIComponent(id)}`);
      const { payload: _payload, deliveries, ...rest } = JSON.parse(text) as EventDetail;
      out.record(rest, text);
      if (out.json) return;
      out.line(`\npayload\n${payloadText(text).split('\n').map(visible).join('\n')}`);
      if (deliveries.length === 0) return;
      const destinationOf = await everyDestination(session);
      out.line('\ndeliveries');
      out.rows(deliveryColumns(destinationOf), deliveries);
    });
  withExamples(show, [
    ['events show 019aa0f2-6f1e-7c3e-b0a5-3d5c2f9e8a11'],
    ['events show 019aa0f2-6f1e-7c3e-b0a5-3d5c2f9e8a11 --json | jq .payload'],
  ]);
  const body = group
    .command('body <id>')
    .description('Writes the webhook that an event came with to standard output, byte for byte as it was signed.')
    .action(async (id: string, _options: unknown, command: Command) => {
      const { api, out } = open(command);
      out.bytes(await api.bytes('GET', `/events/${encodeURIComponent(id)}/body`));
    });
  withExamples(body, [['events body 019aa0f2-6f1e-7c3e-b0a5-3d5c2f9e8a11 > body.json']]);
}
