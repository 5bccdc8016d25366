/** `webhook-gateway replay` and `replays`: events once more. */
import type { Command } from 'commander';
import { UsageError } from '../usage-error.ts';
import { destinationIds } from './destination-names.ts';
import { allNamed, jsonObject, list, positive, TIME_HELP, time, withExamples, withPaging } from './options.ts';
import { type ListOptions, printList } from './pages.ts';
import { REPLAY_COLUMNS } from './replay-columns.ts';
import { cancelHint, followReplay, printReplay, type Replay, type ReplayDetail } from './replay-progress.ts';
import type { OpenSession, Session } from './session.ts';

interface ReplayOptions {
  readonly from?: string;
  readonly to?: string;
  readonly sources?: readonly string[];
  readonly types?: readonly string[];
  readonly condition?: object;
  readonly destination?: readonly string[];
  readonly ignoreFilter?: true;
  readonly rate?: number;
  readonly wait: boolean;
}

const ID = '019aa0f2-71c0-7d4b-9a33-0f2b7c1d5e90';

export function addReplay(program: Command, open: OpenSession): void {
  const replay = program
    .command('replay [events...]')
    .description(
      'Sends events once more: those with these ids, or those received within a time. Waits until it is done.',
    )
    .option('--from <time>', `received at or after: ${TIME_HELP}`, time)
    .option('--to <time>', 'received before (default: now)', time)
    .option('--types <types>', 'only types such as invoice.*,message.text', list)
    .option('--sources <names>', 'only sources such as stripe', list)
    .option('--condition <json>', 'only with such a payload: a query in MongoDB’s form', jsonObject)
    .option('--destination <name>', 'only to this destination, its name or id; may be repeated', allNamed)
    .option('--ignore-filter', 'also to destinations whose own filter does not want them')
    .option('--rate <n>', 'events a second at most', positive)
    .option('--no-wait', 'do not wait: it goes on in the background')
    .action((events: readonly string[], options: ReplayOptions, command: Command) =>
      order(events, options, open(command)),
    );
  withExamples(
    replay,
    [
      ['replay 019aa0f2-6f1e-7c3e-b0a5-3d5c2f9e8a11', 'one event, to all who want it'],
      ["replay --from 2h --types 'invoice.*' --destination billing"],
      ['replay --from 2026-11-20 --to 2026-11-21 --rate 50 --no-wait'],
    ],
    `Ctrl-C leaves it running in the gateway. Exit code 1 if it failed or was cancelled, or if deliveries of it are dead.`,
  );
}

async function order(events: readonly string[], options: ReplayOptions, session: Session): Promise<void> {
  const { from, to, sources, types, condition, ignoreFilter, rate, wait } = options;
  if (events.length === 0 && from === undefined) {
    throw new UsageError('Say which: ids of events, or --from and a time such as 2h (ago).');
  }
  const { api, out } = session;
  const destinations = options.destination && (await destinationIds(api, options.destination));
  const scope = events.length === 0 ? {} : { events };
  const body = { ...scope, from, to, sources, types, condition, destinations, ignoreFilter, ratePerSecond: rate };
  const made = await api.post<Replay>('/replays', body);
  if (!wait) {
    await printReplay(session, made);
    out.note(`It goes on in the background. ${cancelHint(made.id)}`);
    return;
  }
  out.note(`Replay ${made.id}: Ctrl-C leaves it running.`);
  await followReplay(session, made.id);
}

export function addReplays(program: Command, open: OpenSession): void {
  const group = program.command('replays').description('Replays: those that run, and those that ended.');
  withExamples(group, [['replays'], [`replays show ${ID}`], [`replays cancel ${ID}`]]);
  withExamples(
    withPaging(group.command('list', { isDefault: true }).description('Lists replays, newest first.')).action(
      (options: ListOptions, command: Command) => printList(open(command), '/replays', REPLAY_COLUMNS, { ...options }),
    ),
    [['replays list --limit 5']],
  );
  withExamples(
    group
      .command('show <id>')
      .description('Shows a replay, and what became of its deliveries.')
      .action(async (id: string, _options: unknown, command: Command) => {
        const session = open(command);
        await printReplay(session, await session.api.get<ReplayDetail>(`/replays/${encodeURIComponent(id)}`));
      }),
    [[`replays show ${ID}`]],
  );
  withExamples(
    group
      .command('wait <id>')
      .description('Waits until a replay is done and everything of it is delivered, dead or cancelled.')
      .action((id: string, _options: unknown, command: Command) => followReplay(open(command), id)),
    [[`replays wait ${ID}`]],
  );
  withExamples(
    group
      .command('cancel <id>')
      .description('Cancels a replay: what waits of it is not sent. What is under way is not called back.')
      .action(async (id: string, _options: unknown, command: Command) => {
        const session = open(command);
        await printReplay(session, await session.api.post<ReplayDetail>(`/replays/${encodeURIComponent(id)}/cancel`));
      }),
    [[`replays cancel ${ID}`]],
  );
}
