/** `webhook-gateway deliveries`: what is owed to destinations, and what became of it. */
import { type Command, Option } from 'commander';
import type { z } from 'zod';
import { DELIVERY_STATES } from '../../core/delivery.ts';
import type { deliveryDetail } from '../../http/routes/api/delivery-schemas.ts';
import { deliveryColumns, REPLAYED } from './delivery-columns.ts';
import { waitNote } from './delivery-wait.ts';
import { type Destination, destinationId, destinationNames, everyDestination } from './destination-names.ts';
import { count, idOf, named, TIME_HELP, time, withExamples, withPaging } from './options.ts';
import { type ListOptions, printList } from './pages.ts';
import { type RedriveOptions, redrive } from './redrive.ts';
import type { OpenSession, Session } from './session.ts';
import { type Column, utc } from './table.ts';

type DeliveryDetail = z.infer<typeof deliveryDetail>;
type Attempt = DeliveryDetail['history'][number];

interface DeliveryFilter extends ListOptions {
  readonly destination?: string;
  readonly state?: string;
  readonly event?: string;
  readonly request?: string;
  readonly replay?: string;
}

const ATTEMPTS: readonly Column<Attempt>[] = [
  { head: 'try', value: ({ number, probe }) => (probe ? 'probe' : number) },
  { head: 'started (UTC)', value: ({ startedAt }) => utc(startedAt) },
  { head: 'ms', value: ({ durationMs }) => durationMs },
  { head: 'status', value: ({ status }) => status },
  { head: 'failure', value: ({ failure }) => failure },
  { head: 'error', value: ({ error }) => error, shrinks: true },
  { head: 'answer', value: ({ responseBody }) => responseBody?.content, shrinks: true },
];

const ID = '019aa0f2-71c0-7d4b-9a33-0f2b7c1d5e90';

export function addDeliveries(program: Command, open: OpenSession): void {
  const group = program.command('deliveries').description('Deliveries: what is owed to destinations.');
  withExamples(group, [
    ['deliveries', 'the newest'],
    ['deliveries dead', 'those whose last attempt failed'],
    ['deliveries redrive billing', 'the dead ones of a destination once more'],
  ]);
  const list = withPaging(
    group
      .command('list', { isDefault: true })
      .description(`Lists deliveries, newest first. ${REPLAYED} marks what a replay owes.`),
  )
    .option('--destination <name>', 'to this destination: its name or id', named)
    .addOption(new Option('--state <state>', 'only these').choices(DELIVERY_STATES))
    .option('--event <id>', 'of this event', idOf('events'))
    .option('--request <id>', 'of the events that came with this request', idOf('events --json'))
    .option('--replay <id>', 'of this replay', idOf('replays'))
    .action(async ({ destination, ...options }: DeliveryFilter, command: Command) => {
      const session = open(command);
      const query = { ...options, destination: await idOfDestination(session, destination) };
      await printList(session, '/deliveries', deliveryColumns(await everyDestination(session)), query);
    });
  withExamples(list, [
    ['deliveries --destination billing --state pending'],
    [`deliveries --event ${ID}`],
    ['deliveries list --state delivered --limit 100 --json'],
  ]);
  withExamples(
    group
      .command('show <id>')
      .description('Shows a delivery with its attempts.')
      .action(
        async (id: string, _options: unknown, command: Command) => void (await one(open(command), 'GET', id, '')),
      ),
    [[`deliveries show ${ID}`]],
  );
  withExamples(
    group
      .command('retry <id>')
      .description('Tries a delivery now. A dead or cancelled one begins its schedule anew.')
      .action(async (id: string, _options: unknown, command: Command) => {
        const session = open(command);
        await tellWait(session, await one(session, 'POST', id, '/retry'));
      }),
    [[`deliveries retry ${ID}`]],
  );
  withExamples(
    group
      .command('cancel <id>')
      .description('Gives a delivery up. What is under way is not called back.')
      .action(
        async (id: string, _options: unknown, command: Command) =>
          void (await one(open(command), 'POST', id, '/cancel')),
      ),
    [[`deliveries cancel ${ID}`]],
  );
  addDead(group, open);
}

function addDead(group: Command, open: OpenSession): void {
  const dead = withPaging(
    group.command('dead').description('Lists deliveries whose last attempt failed, newest first.'),
  )
    .option('--destination <name>', 'to this destination: its name or id', named)
    .action(async ({ destination, ...options }: DeliveryFilter, command: Command) => {
      const session = open(command);
      const query = { ...options, destination: await idOfDestination(session, destination) };
      await printList(session, '/dead-letters', deliveryColumns(await everyDestination(session)), query);
    });
  withExamples(dead, [['deliveries dead'], ['deliveries dead --destination billing --all --json']]);
  const again = group
    .command('redrive <destination>')
    .description('Tries the dead deliveries of a destination again, oldest first. Their schedules begin anew.')
    .option('--from <time>', `received at or after: ${TIME_HELP}`, time)
    .option('--to <time>', 'received before', time)
    .option('--limit <n>', 'so many at most (default: all)', count)
    .action((destination: string, options: RedriveOptions, command: Command) =>
      redrive(open(command), destination, options),
    );
  withExamples(again, [
    ['deliveries redrive billing'],
    ['deliveries redrive billing --from 2026-11-20 --to 2026-11-21 --limit 100'],
  ]);
}

async function idOfDestination({ api }: Session, destination: string | undefined): Promise<string | undefined> {
  return destination === undefined ? undefined : await destinationId(api, destination);
}

async function one(session: Session, method: string, id: string, verb: string): Promise<DeliveryDetail> {
  const { api, out } = session;
  const body = method === 'POST' ? { body: {} } : {};
  const text = await api.text(method, `/deliveries/${encodeURIComponent(id)}${verb}`, body);
  const delivery = JSON.parse(text) as DeliveryDetail;
  const { id: deliveryId, history, ...rest } = delivery;
  const nameOf = await destinationNames(session);
  out.record({ id: deliveryId, destination: nameOf(rest.destinationId), ...rest }, text);
  if (out.json || history.length === 0) return delivery;
  out.line('');
  out.rows(ATTEMPTS, history);
  return delivery;
}

/** That it is due does not mean that it is sent. */
async function tellWait({ api, out }: Session, { state, destinationId }: DeliveryDetail): Promise<void> {
  if (state !== 'pending') return;
  // The retry is ordered: what is only told beside it fails without a word.
  const destination = await api.get<Destination>(`/destinations/${destinationId}`).catch(() => null);
  const note = destination === null ? null : waitNote(destination);
  if (note !== null) out.note(note);
}
