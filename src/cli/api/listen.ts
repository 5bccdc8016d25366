/** `webhook-gateway listen`: live events for a program on a developer's machine, which needs no public URL. */
import { hostname } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { FOLLOWED_FORMATS } from '../../core/follower.ts';
import type { StreamedEvent } from './follow-stream.ts';
import { createFollower, type Follower, findFollower, removeFollower, type WantedFollower } from './listen/follower.ts';
import type { Outcome } from './listen/forward.ts';
import { listen } from './listen/listening.ts';
import { derivedSecret, secretIn } from './listen/secret.ts';
import { count, jsonObject, list, named, positive, withExamples } from './options.ts';
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

/** What a program answers that checks signatures, and likes this one not. */
const REFUSALS: readonly (number | null)[] = [400, 401, 403];

const NOTES = `The program is posted what the provider would post, one event after the other, with a fresh signature under the secret
that is printed at start: give it that one in place of the provider's. It is the same at every start with the same key of the
API, and another one with another key; --secret-file keeps one. A program that checks by Standard Webhooks, as for
deliveries of the gateway, wants --format event.

Nothing is lost: while nobody is there to answer, it waits and tries again; after a cut, or a restart of the gateway, it goes on
where it was. Whoever is asked twice finds the same webhook-id. What is answered with another status than 2xx, is cut or
takes too long is tried --tries times, told, and then left.

With --name the gateway keeps the place for three days: after Ctrl-C or a crash the same command goes on there, also
without --types, --sources, --condition and --format: what it follows was said when it was begun, and stays until
\`webhook-gateway followers delete <name>\`. Without a name events that come while it does not run are not for it.`;

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
    .option('--name <name>', 'keeps its place and its filter under this name when it ends', named)
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
  const kept = name === undefined ? null : await findFollower(api, { name, ...wanted });
  const passing = `listen on ${hostname()}`.slice(0, 64);
  const follower = kept ?? (await createFollower(api, { name: name ?? passing, ...wanted }));
  const shown = secretFile === undefined ? secret : `the one in ${secretFile}`;
  const signed = follower.format === 'event' ? 'signed by Standard Webhooks' : 'signed as Stripe or Meta would';
  out.note(
    `Forwarding ${whatOf(follower)} to ${forwardTo}, ${signed}. The signing secret is ${shown} (Ctrl-C ends it)`,
  );
  if (kept !== null) {
    const anew = `\`webhook-gateway followers delete ${name}\` begins anew`;
    out.note(`${name} goes on with ${whatOf(kept)} where it was; ${anew}.`);
  }
  let refused = false;
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
      onOutcome(event, outcome) {
        tell(session, event, outcome);
        if (refused || !REFUSALS.includes(outcome.status)) return;
        refused = true;
        out.note(`It answers ${outcome.status}: does it check with the secret above? These are ${signed}.`);
      },
    });
  } finally {
    if (name === undefined) await removeFollower(api, follower.id).catch(() => undefined);
    else out.note(`Its place is kept for three days under the name ${name}.`);
  }
}

/** Such as `invoice.* of stripe`. */
function whatOf({ filter: { types, sources, condition } }: Follower): string {
  const of = sources === null ? '' : ` of ${sources.join(', ')}`;
  return `${types.join(', ')}${of}${condition === null ? '' : ' that fulfil its condition'}`;
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
  const url = /^[a-z][a-z\d+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new InvalidArgumentError('write a URL such as http://localhost:8080/hook.');
  return url;
}
