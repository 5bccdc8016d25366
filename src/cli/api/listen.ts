/** `webhook-gateway listen`: live events for a program on a developer's machine, which needs no public URL. */
import { hostname } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { FOLLOWED_FORMATS } from '../../core/follower.ts';
import type { StreamedEvent } from './follow-stream.ts';
import { createFollower, findOrCreateFollower, removeFollower, type WantedFollower } from './listen/follower.ts';
import type { Outcome } from './listen/forward.ts';
import { listen } from './listen/listening.ts';
import { derivedSecret, secretIn } from './listen/secret.ts';
import { count, jsonObject, list, positive, withExamples } from './options.ts';
import type { OpenSession, Session } from './session.ts';
import { cell } from './table.ts';

interface ListenOptions extends Omit<WantedFollower, 'name'> {
  readonly forwardTo: string;
  readonly secretFile?: string;
  readonly name?: string;
  readonly concurrency: number;
  readonly tries: number;
  readonly timeout: number;
}

const NOTES = `The program is posted what the provider would post, one event after the other, with a fresh signature under the secret
that is printed at start: give it that one in place of the provider's. It is the same at every start with the same key.

Nothing is lost: while nobody is there to answer, it waits and tries again; after a cut, or a restart of the gateway, it goes on
where it was. Whoever is asked twice finds the same webhook-id. What is answered with another status than 2xx, is cut or
takes too long is tried --tries times, told, and then left.

With --name the gateway keeps the place for three days: after Ctrl-C or a crash the same command goes on there. Without it
events that come while it does not run are not for it.`;

export function addListen(program: Command, open: OpenSession): void {
  const command = program
    .command('listen')
    .description('Forwards live events to a program on this machine, signed as the provider signs.')
    .requiredOption('--forward-to <url>', 'where to post them, such as http://localhost:8080/hook', forwardUrl)
    .option('--types <types>', 'only types such as invoice.*,message.text', list)
    .option('--sources <names>', 'only sources such as stripe', list)
    .option('--condition <json>', 'only with such a payload: a query in MongoDB’s form', jsonObject)
    .addOption(
      new Option(
        '--format <format>',
        'the provider’s form, or our envelope with Standard Webhooks (default: native)',
      ).choices(FOLLOWED_FORMATS),
    )
    .option('--secret-file <path>', 'a file that holds the secret to sign with (default: made of the key)')
    .option('--name <name>', 'keeps the place under this name when it ends')
    .option('--concurrency <n>', 'events forwarded at a time; above 1 they overtake each other', count, 1)
    .option('--tries <n>', 'how often an event is posted that is not answered 2xx', count, 3)
    .option('--timeout <seconds>', 'for an answer', positive, 30)
    .action((options: ListenOptions, command: Command) => forwardLive(options, open(command)));
  withExamples(
    command,
    [
      ['listen --forward-to http://localhost:8080/hook'],
      ["listen --forward-to localhost:8080/hook --types 'invoice.*' --sources stripe"],
      ['listen --forward-to localhost:8080/hook --name laptop', 'goes on where it was'],
      ['listen --forward-to localhost:8080/hook --format event --secret-file secret'],
    ],
    NOTES,
  );
}

async function forwardLive(options: ListenOptions, session: Session): Promise<void> {
  const { api, out } = session;
  const { name, types, sources, condition, format, secretFile, forwardTo, concurrency, tries, timeout } = options;
  const secret = secretFile === undefined ? derivedSecret(api.key) : secretIn(secretFile);
  const signal = session.stopSignal();
  const wanted = { types, sources, condition, format };
  const follower =
    name === undefined
      ? await createFollower(api, { name: `listen on ${hostname()}`.slice(0, 64), ...wanted })
      : await findOrCreateFollower(api, { name, ...wanted });
  const shown = secretFile === undefined ? secret : `the one in ${secretFile}`;
  out.note(
    `Forwarding ${follower.filter.types.join(', ')} to ${forwardTo}. The signing secret is ${shown} (Ctrl-C ends it)`,
  );
  try {
    await listen({
      api,
      followerId: follower.id,
      url: forwardTo,
      secret,
      tries,
      timeoutMs: timeout * 1_000,
      concurrency,
      signal,
      onNotice: (sentence) => out.note(sentence),
      onAway: (why) => out.note(`${forwardTo} is not there (${why}): trying again until it is.`),
      onForward: ({ event: { type, id } }) => out.done(`${clock()}  --> ${cell(type)}  ${cell(id)}`),
      onOutcome: (event, outcome) => tell(session, event, outcome),
    });
  } finally {
    if (name === undefined) await removeFollower(api, follower.id).catch(() => undefined);
    else out.note(`Its place is kept for three days under the name ${name}.`);
  }
}

function tell({ out }: Session, { position, webhookId, event }: StreamedEvent, outcome: Outcome): void {
  const { status, failure, tries, durationMs } = outcome;
  const { id, source, type, subject } = event;
  if (out.json) {
    out.line(JSON.stringify({ position, webhookId, id, source, type, subject, ...outcome }));
    return;
  }
  const left = failure === null ? '' : `  ${tries === 0 ? failure : `left after ${tries} tries: ${failure}`}`;
  out.line(`${clock()}  <-- ${status ?? '-'}  ${durationMs} ms  ${cell(type)}  ${cell(id)}${left}`);
}

/** Of this machine, as the clock beside it shows. */
function clock(): string {
  return new Date().toTimeString().slice(0, 8);
}

function forwardUrl(text: string): string {
  const url = /^https?:\/\//.test(text) ? text : `http://${text}`;
  if (!URL.canParse(url)) throw new InvalidArgumentError('write a URL such as http://localhost:8080/hook.');
  return url;
}
