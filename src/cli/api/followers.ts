/** `webhook-gateway followers`: the places that the gateway keeps for `listen`. */
import type { Command } from 'commander';
import { StartupError } from '../../core/errors.ts';
import { type Follower, followers, removeFollower } from './listen/follower.ts';
import { withExamples, withPaging } from './options.ts';
import { type ListOptions, printList } from './pages.ts';
import type { OpenSession } from './session.ts';
import { type Column, utc } from './table.ts';

const COLUMNS: readonly Column<Follower>[] = [
  { head: 'name', value: ({ name }) => name, shrinks: true },
  { head: 'types', value: ({ filter }) => filter.types, shrinks: true },
  { head: 'format', value: ({ format }) => format },
  { head: 'position', value: ({ ackedTo }) => ackedTo },
  { head: 'seen (UTC)', value: ({ seenAt }) => utc(seenAt) },
  { head: 'id', value: ({ id }) => id },
];

export function addFollowers(program: Command, open: OpenSession): void {
  const group = program.command('followers').description('Followers: whom `listen` keeps a place for.');
  withExamples(group, [['followers'], ['followers delete laptop']]);
  withExamples(
    withPaging(group.command('list', { isDefault: true }).description('Lists followers, newest first.')).action(
      (options: ListOptions, command: Command) => printList(open(command), '/followers', COLUMNS, { ...options }),
    ),
    [['followers list --all']],
  );
  withExamples(
    group
      .command('delete <follower>')
      .description('Removes a follower, by its name or id, and forgets its place.')
      .action(async (given: string, _options: unknown, command: Command) => {
        const { api, out } = open(command);
        const found = (await followers(api)).find(({ id, name }) => id === given || name === given);
        if (found === undefined) {
          throw new StartupError(`There is no follower named ${given}: \`webhook-gateway followers\` lists them.`);
        }
        await removeFollower(api, found.id);
        out.done(`The follower ${given} is removed.`);
      }),
    [['followers delete laptop']],
  );
}
