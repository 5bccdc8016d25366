/** `webhook-gateway keys`: who may use the API. */
import { type Command, Option } from 'commander';
import { type ApiKey, SCOPES } from '../../core/api-key.ts';
import { fromTime } from '../from-time.ts';
import { named, withExamples, withPaging } from './options.ts';
import { type ListOptions, printList } from './pages.ts';
import type { OpenSession } from './session.ts';
import { type Column, utc } from './table.ts';
import type { Wire } from './wire.ts';

type Key = Wire<ApiKey>;

interface NewKey {
  readonly name: string;
  readonly scope: string;
  readonly expires?: Date;
}

const COLUMNS: readonly Column<Key>[] = [
  { head: 'name', value: ({ name }) => name, shrinks: true },
  { head: 'key', value: ({ prefix }) => `${prefix}…` },
  { head: 'scope', value: ({ scope }) => scope },
  { head: 'last used (UTC)', value: ({ lastUsedAt }) => utc(lastUsedAt) },
  { head: 'expires (UTC)', value: ({ expiresAt }) => utc(expiresAt) },
  { head: 'revoked (UTC)', value: ({ revokedAt }) => utc(revokedAt) },
  { head: 'id', value: ({ id }) => id },
];

export function addKeys(program: Command, open: OpenSession): void {
  const group = program.command('keys').description('Keys of the API. Needs one with the scope admin.');
  withExamples(group, [
    ['keys'],
    ['keys create --name dashboard --scope read'],
    ['keys revoke 019aa0f2-71c0-7d4b-9a33-0f2b7c1d5e90'],
  ]);
  const list = withPaging(
    group.command('list', { isDefault: true }).description('Lists keys, revoked and expired ones too.'),
  ).action((options: ListOptions, command: Command) => printList(open(command), '/keys', COLUMNS, { ...options }));
  withExamples(list, [['keys list --all']]);
  const create = group
    .command('create')
    .description('Makes a key. Its text is shown this once.')
    .requiredOption('--name <name>', 'for people', named)
    .addOption(
      new Option('--scope <scope>', 'each may do what those before it may').choices(SCOPES).makeOptionMandatory(),
    )
    .option('--expires <time>', 'until when: 2026-12-31, or a time with its zone (default: never)', fromTime)
    .action(async ({ name, scope, expires }: NewKey, command: Command) => {
      const { api, out } = open(command);
      out.record(await api.post<object>('/keys', { name, scope, expiresAt: expires ?? null }));
    });
  withExamples(create, [
    ['keys create --name dashboard --scope read --expires 2027-01-01'],
    ['keys create --name deploys --scope operate --json | jq -r .key > key', 'for --key-file'],
  ]);
  const revoke = group
    .command('revoke <id>')
    .description('Revokes a key: it opens nothing any more, in every process.')
    .action(async (id: string, _options: unknown, command: Command) => {
      const { api, out } = open(command);
      await api.delete(`/keys/${encodeURIComponent(id)}`);
      out.done(`The key ${id} is revoked.`);
    });
  withExamples(revoke, [['keys revoke 019aa0f2-71c0-7d4b-9a33-0f2b7c1d5e90']]);
}
