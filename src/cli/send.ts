/** `npm run send`: posts a signed webhook to the daemon, as the provider would, and says how it was answered. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Argument, Command, InvalidArgumentError } from 'commander';
import { v7 as uuidv7 } from 'uuid';
import { type Config, loadConfig, readEnvironment } from '../config.ts';
import { StartupError } from '../core/errors.ts';
import type { Source } from '../core/source.ts';
import { configuredSources } from '../sources.ts';
import { readDaemonFile } from '../storage/disk/daemon-file.ts';
import { readGeneratedSecret } from '../storage/disk/generated-secrets.ts';
import { run } from './run.ts';
import { UsageError } from './usage-error.ts';

interface SendOptions {
  readonly url?: string;
  readonly repeat: number;
  readonly count: number;
  readonly file?: string;
}

/** Milliseconds for an answer. */
const TIME_LIMIT = 30_000;
const EVENTS_SHOWN = 20;
const ADVICE = 'Is the daemon running? npm start';

const EXAMPLES = `
Examples:
  npm run send -- stripe
  npm run send -- whatsapp message.image --repeat 2     the same message twice: stored, then duplicate
  npm run send -- stripe invoice.paid --count 100       a hundred different events
  npm run send -- whatsapp --file body.json --url https://hooks.example.com/webhooks/whatsapp

Exit code: 0 when all are accepted; 2 if it was typed wrongly; else 1.`;

const command = new Command('send')
  .description('Posts a signed webhook to the gateway, as the provider would.')
  .addArgument(new Argument('<provider>', 'who signs').choices(['stripe', 'whatsapp']))
  .argument('[type]', 'event type, such as invoice.paid or message.text')
  .option('--url <url>', 'where to post; default: the daemon that runs on this DATA_DIR')
  .option('--repeat <n>', 'post each body this often', positive, 1)
  .option('--count <n>', 'post this many different bodies', positive, 1)
  .option('--file <path>', 'post the bytes of this file instead of a made-up body')
  .addHelpText('after', EXAMPLES)
  .action(send);

await run(command);

async function send(name: string, type: string | undefined, options: SendOptions): Promise<void> {
  const config = loadConfig(readEnvironment());
  const source = sourceOf(config, name);
  const url = targetUrl(config, source, options.url);
  let failures = 0;
  for (let index = 0; index < options.count; index++) {
    const body = bodyOf(source, type, options);
    for (let time = 0; time < options.repeat; time++) {
      if (!(await post(url, source, body))) failures++;
    }
  }
  if (failures > 0) throw new StartupError(`${failures} of ${options.count * options.repeat} were not accepted.`);
}

function sourceOf(config: Config, name: string): Source {
  const sources = configuredSources(config, (secret) => readGeneratedSecret(resolve(config.DATA_DIR), secret));
  const source = sources.find((candidate) => candidate.provider.name === name);
  if (source === undefined) {
    throw new StartupError(
      `There is no secret for ${name} here, and none generated in ${config.DATA_DIR}: start the daemon once (npm start), or give this command the daemon’s environment.`,
    );
  }
  return source;
}

/** The one given, else that of the running daemon, else where a daemon with this configuration would listen. */
function targetUrl(config: Config, source: Source, given: string | undefined): string {
  if (given !== undefined) return givenUrl(source, given);
  const dataDir = resolve(config.DATA_DIR);
  const daemon = readDaemonFile(dataDir)?.webhooks[source.name];
  if (daemon !== undefined) return daemon;
  // Its port is nowhere to be learnt.
  if (config.PORT === 0) throw new StartupError(`No daemon runs on ${dataDir}. ${ADVICE}`);
  const everywhere = config.HOST === '::' || config.HOST === '0.0.0.0';
  const host = config.HOST.includes(':') ? `[${config.HOST}]` : config.HOST;
  return `http://${everywhere ? '127.0.0.1' : host}:${config.PORT}${source.path}`;
}

function givenUrl(source: Source, given: string): string {
  if (!/^https?:\/\//.test(given) || !URL.canParse(given)) {
    throw new UsageError(`--url: ${given} is not a URL such as http://127.0.0.1:3000`);
  }
  const url = new URL(given);
  if (url.pathname === '/') url.pathname = source.path;
  return url.toString();
}

function bodyOf(source: Source, type: string | undefined, { file }: SendOptions): Buffer {
  if (file !== undefined) return contentOf(file);
  try {
    return source.provider.sample({ type, unique: uuidv7().replaceAll('-', ''), now: new Date() });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function contentOf(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new StartupError((error as Error).message);
  }
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

async function post(url: string, source: Source, body: Buffer): Promise<boolean> {
  const now = new Date();
  const { status, headers, text } = await answerTo(url, source, body, now);
  const accepted = headers.get('x-webhook-accepted') ?? '-';
  const requestId = headers.get('x-request-id') ?? '-';
  const lines = [`${status} ${accepted}  x-request-id ${requestId}`];
  const events = source.provider.parse({ body, requestId, receivedAt: now });
  for (const { type, dedupeKey } of events.slice(0, EVENTS_SHOWN)) lines.push(`    ${type}  ${dedupeKey}`);
  if (events.length > EVENTS_SHOWN) lines.push(`    and ${events.length - EVENTS_SHOWN} more`);
  if (status !== 200) lines.push(`    ${text.slice(0, 500)}`);
  process.stdout.write(`${lines.join('\n')}\n`);
  return status === 200;
}

/** Follows no redirect, as providers do not. */
async function answerTo(url: string, { provider, secrets }: Source, body: Buffer, now: Date): Promise<Answer> {
  const signature = provider.sign({ body, secret: secrets[0] ?? '', now });
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', [provider.signatureHeader]: signature },
      body,
      redirect: 'manual',
      signal: AbortSignal.timeout(TIME_LIMIT),
    });
    return { status: response.status, headers: response.headers, text: await response.text() };
  } catch (error) {
    const { name, cause } = error as { name: string; cause?: { code?: string; message?: string } };
    throw new StartupError(`${url} does not answer (${cause?.code ?? cause?.message ?? name}). ${ADVICE}`);
  }
}

function positive(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError('write a whole number from 1.');
  return number;
}
