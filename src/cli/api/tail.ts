/** `webhook-gateway tail`: events as they come. */
import type { Command } from 'commander';
import { memberText } from './exact-json.ts';
import { followStream, type StreamedEvent } from './follow-stream.ts';
import { jsonObject, list, position, withExamples } from './options.ts';
import type { OpenSession, Session } from './session.ts';
import { cell, visible } from './table.ts';

interface TailOptions {
  readonly types?: readonly string[];
  readonly sources?: readonly string[];
  readonly condition?: object;
  readonly after?: number;
  readonly payload?: true;
}

export function addTail(program: Command, open: OpenSession): void {
  const tail = program
    .command('tail')
    .description(
      'Follows events as they come, one line each, until Ctrl-C. It comes back by itself after a cut, and misses none.',
    )
    .option('--types <types>', 'only types such as invoice.*,message.text', list)
    .option('--sources <names>', 'only sources such as stripe', list)
    .option('--condition <json>', 'only with such a payload: a query in MongoDB’s form', jsonObject)
    .option(
      '--after <position>',
      'begin behind this position; 0: with the first that is kept (default: from now on)',
      position,
    )
    .option('--payload', 'a second line with the payload')
    .action((options: TailOptions, command: Command) => follow(options, open(command)));
  withExamples(tail, [
    ['tail'],
    ["tail --types 'invoice.*' --sources stripe --payload"],
    ['tail --json | jq -r .event.payload.id', 'a line of JSON for each event'],
  ]);
}

async function follow(options: TailOptions, session: Session): Promise<void> {
  const { api, out } = session;
  const { types, sources, condition, after, payload } = options;
  const query = { types, sources, condition: condition && JSON.stringify(condition), after };
  const signal = session.stopSignal();
  const onNotice = (sentence: string) => out.note(sentence);
  for await (const event of followStream({ api, query, signal, onNotice })) {
    if (out.json) {
      out.line(event.text);
      continue;
    }
    out.line(describe(event));
    if (payload === true) out.line(`    ${visible(memberText(memberText(event.text, 'event'), 'payload'))}`);
  }
}

function describe({ event: { receivedAt, source, type, subject, id } }: StreamedEvent): string {
  return [receivedAt, source, type, subject, id].map(cell).join('  ');
}
