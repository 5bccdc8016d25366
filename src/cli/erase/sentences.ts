/** What `npm run erase` says. */
import type { NamingCondition } from '../../erasure/erase-conditions.ts';
import type { ErasureReport } from '../../erasure/report.ts';
import { visible } from '../api/table.ts';

export const UNKNOWN_ID = 'Nothing is known of this id: no event, no request and no row of a projection names it.';

const count = (number: number) => number.toLocaleString('en');

export function describeReport(report: ErasureReport, dryRun: boolean): string {
  const { source, ids, events, marks, requests, tables, conditions } = report;
  const gone = dryRun ? 'to erase' : 'erased';
  const changed = dryRun ? 'to rewrite' : 'rewritten';
  const lines = [
    ['events', events.erased, events.rewritten],
    ...(dryRun ? [] : [['event_dispatch', marks, 0]]),
    ['webhook_requests', requests.erased, requests.rewritten],
    ...tables.map(({ table, erased, rewritten }) => [table, erased, rewritten]),
    ...(conditions.rewritten === 0 ? [] : [['replays', 0, conditions.rewritten]]),
  ].map(([table = '', ...numbers]) => [String(table), ...numbers.map((number) => count(Number(number)))]);
  const width = Math.max(...lines.map(([table = '']) => table.length));
  const table = [['', gone, changed], ...lines].map(([name = '', one = '', other = '']) =>
    `  ${name.padEnd(width)}  ${one.padStart(10)}  ${other.padStart(10)}`.trimEnd(),
  );
  const head = `${source}: a person with ${count(ids)} ${ids === 1 ? 'id' : 'ids'}`;
  return [head, ...table, ...remarks(report), ''].join('\n');
}

function remarks({ left, otherIds, arrived }: ErasureReport): string[] {
  const lines: string[] = [];
  if (left.events + left.requests > 0) {
    lines.push(
      `  ${count(left.events)} events and ${count(left.requests)} requests of others still name an id of the person, in a text, a contact card or as a number that is theirs too.`,
    );
  }
  if (otherIds > 0) {
    lines.push(
      `  ${count(otherIds)} other ids stand beside an id of the person in events, and are somebody else's as far as is known: see docs/erasure.md.`,
    );
  }
  if (arrived > 0)
    lines.push(`  ${count(arrived)} events of the person have arrived meanwhile: run it again to erase them.`);
  return lines;
}

const WAYS_OUT = {
  destination: 'webhook-gateway destinations update',
  follower: 'webhook-gateway followers delete',
  replay: 'has not ended: run this again when it has',
} as const;

/** Whose conditions name the person still, each once; empty if there are none. */
export function describeConditions(reports: readonly ErasureReport[]): string {
  const found = new Map<string, NamingCondition>();
  for (const { conditions } of reports) for (const condition of conditions.left) found.set(condition.id, condition);
  if (found.size === 0) return '';
  const lines = [...found.values()].map(({ of, id, name }) => {
    const which = name === null ? id : `${visible(name)} (${id})`;
    return `  ${of} ${which}: ${WAYS_OUT[of]}\n`;
  });
  return `An operator has typed an id of the person into a condition, and only people can say what it is to be instead:\n${lines.join('')}`;
}

/** Empty if there are none. */
export function describeSpool(files: readonly string[]): string {
  if (files.length === 0) return '';
  const list = files.map((file) => `  ${file}\n`).join('');
  return `Webhooks that are not in the database may be of the person too. Once they are stored, run it again:\n${list}`;
}
