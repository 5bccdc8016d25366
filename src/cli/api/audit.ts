/** `webhook-gateway audit`: who changed what. */
import type { Command } from 'commander';
import type { AuditEntry } from '../../core/audit.ts';
import { destinationNames, type NameOf } from './destination-names.ts';
import { withExamples, withPaging } from './options.ts';
import { type ListOptions, printList } from './pages.ts';
import type { OpenSession } from './session.ts';
import { type Column, utc } from './table.ts';
import type { Wire } from './wire.ts';

function columns(nameOf: NameOf): readonly Column<Wire<AuditEntry>>[] {
  return [
    { head: 'at (UTC)', value: ({ at }) => utc(at) },
    { head: 'action', value: ({ action }) => action },
    { head: 'actor', value: ({ actor }) => actor },
    { head: 'from', value: ({ ip }) => ip },
    { head: 'target', value: ({ target }) => target && nameOf(target) },
    { head: 'details', value: ({ details }) => details, shrinks: true },
  ];
}

export function addAudit(program: Command, open: OpenSession): void {
  const audit = withPaging(
    program.command('audit').description('Lists changes made over the API, newest first.'),
  ).action(async (options: ListOptions, command: Command) => {
    const session = open(command);
    await printList(session, '/audit', columns(await destinationNames(session)), { ...options });
  });
  withExamples(audit, [['audit'], ['audit --all --json > audit.ndjson']]);
}
