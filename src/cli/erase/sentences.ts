/** What `npm run erase` says. */
import type { ErasureReport } from '../../erasure/report.ts';

export const UNKNOWN_ID = 'Nothing is known of this id: no event, no request and no row of a projection names it.';

const count = (number: number) => number.toLocaleString('en');

export function describeReport(report: ErasureReport, dryRun: boolean): string {
  const { source, ids, events, marks, requests, tables } = report;
  const gone = dryRun ? 'to erase' : 'erased';
  const changed = dryRun ? 'to rewrite' : 'rewritten';
  const lines = [
    ['events', events.erased, events.rewritten],
    ...(dryRun ? [] : [['event_dispatch', marks, 0]]),
    ['webhook_requests', requests.erased, requests.rewritten],
    ...tables.map(({ table, erased, rewritten }) => [table, erased, rewritten]),
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

/** Empty if there are none. */
export function describeSpool(files: readonly string[]): string {
  if (files.length === 0) return '';
  const list = files.map((file) => `  ${file}\n`).join('');
  return `Webhooks that are not in the database may be of the person too. Once they are stored, run it again:\n${list}`;
}
