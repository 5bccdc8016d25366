/** A destination as it is typed. */
import { readFileSync } from 'node:fs';
import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  DEFAULT_CONCURRENCY,
  DEFAULT_FORMAT,
  DEFAULT_MAX_LENGTH,
  DEFAULT_ORDERING,
  DEFAULT_RETRY_SCHEDULE,
  DEFAULT_SIGNING,
  DEFAULT_TIMEOUT_MS,
  FORMATS,
  ORDERINGS,
  SIGNINGS,
} from '../../core/destination.ts';
import { StartupError } from '../../core/errors.ts';
import type { Destination } from './destination-names.ts';
import { append, count, jsonObject, list, positive } from './options.ts';

export interface DestinationOptions {
  readonly sources?: readonly string[];
  readonly types?: readonly string[];
  readonly condition?: object;
  readonly format?: string;
  readonly signing?: string;
  readonly secretFile?: readonly string[];
  readonly header?: readonly string[];
  readonly secretHeadersFile?: string;
  readonly timeout?: number;
  readonly concurrency?: number;
  readonly rate?: number;
  readonly retry?: readonly number[];
  readonly ordering?: string;
  readonly maxLength?: number;
}

/** What a new destination has where nothing is typed; the API fills it in. */
const DEFAULTS: Readonly<Record<string, string>> = {
  types: 'all',
  sources: 'all but gateway',
  format: DEFAULT_FORMAT,
  signing: `${DEFAULT_SIGNING.http}; of a stream ${DEFAULT_SIGNING.redis_stream}`,
  timeout: `${DEFAULT_TIMEOUT_MS / 1_000}`,
  concurrency: `${DEFAULT_CONCURRENCY}`,
  rate: 'no limit',
  retry: DEFAULT_RETRY_SCHEDULE.join(','),
  ordering: DEFAULT_ORDERING,
  maxLength: `${DEFAULT_MAX_LENGTH}`,
};

/** Of a new destination: the same, and what it has without them. */
export function withNewDestinationOptions(command: Command): Command {
  withDestinationOptions(command);
  for (const option of command.options) {
    const preset = DEFAULTS[option.attributeName()];
    if (preset !== undefined) option.description += ` (default: ${preset})`;
  }
  return command;
}

export function withDestinationOptions(command: Command): Command {
  return command
    .option('--types <types>', 'types such as invoice.*,message.text; a * at the end stands for any rest', list)
    .option('--sources <names>', 'sources such as stripe,whatsapp', list)
    .option('--condition <json>', 'a query over the payload in MongoDB’s form', jsonObject)
    .addOption(
      new Option('--format <format>', 'our envelope, the provider’s form, or the exact bytes').choices(FORMATS),
    )
    .addOption(
      new Option('--signing <kind>', 'Standard Webhooks, as the provider signs, or not at all').choices(SIGNINGS),
    )
    .option('--secret-file <path>', 'a file that holds a signing secret; may be repeated, the first signs', append)
    .option('--header <header>', '"Name: value", sent with every delivery; may be repeated', append)
    .option('--secret-headers-file <path>', 'a file with a line "Name: value" each; encrypted, never shown again')
    .option('--timeout <seconds>', 'for an answer', positive)
    .option('--concurrency <n>', 'deliveries under way at a time', count)
    .option('--rate <n>', 'deliveries a second at most', positive)
    .option('--retry <seconds>', 'before each further attempt, such as 5,30,120', seconds)
    .addOption(new Option('--ordering <kind>', 'subject: of each subject one after the other').choices(ORDERINGS))
    .option('--max-length <n>', 'of a stream of Redis: it is trimmed to about so many entries', count);
}

/**
 * The fields that are given, in the API's form. A filter is replaced as a whole there.
 *
 * @param present the destination that is to be changed
 */
export function destinationFields(options: DestinationOptions, present?: Destination): Record<string, unknown> {
  const { sources, types, condition, format, signing, secretFile, header, secretHeadersFile } = options;
  const { timeout, concurrency, rate, retry, ordering } = options;
  const filter = { sources, types, condition };
  const hasFilter = Object.values(filter).some((given) => given !== undefined);
  return {
    ...(hasFilter ? { filter: { ...present?.filter, ...JSON.parse(JSON.stringify(filter)) } } : {}),
    ...given('format', format),
    ...given('signing', signing),
    ...given(
      'secrets',
      secretFile?.map((file) => contentOf(file).trim()),
    ),
    ...given('headers', header === undefined ? undefined : headers(header, '--header')),
    ...given('secretHeaders', secretHeadersFile === undefined ? undefined : headersIn(secretHeadersFile)),
    ...given('timeoutMs', timeout === undefined ? undefined : Math.round(timeout * 1_000)),
    ...given('concurrency', concurrency),
    ...given('ratePerSecond', rate),
    ...given('retrySchedule', retry),
    ...given('ordering', ordering),
  };
}

/** A URL, or `stream:<key>` for a stream of the gateway's Redis. */
export function targetOf(text: string, { maxLength }: DestinationOptions): object {
  const stream = /^stream:(.+)$/.exec(text)?.[1];
  if (stream === undefined) return { kind: 'http', url: text };
  return { kind: 'redis_stream', stream, ...given('maxLength', maxLength) };
}

function given(name: string, value: unknown): Record<string, unknown> {
  return value === undefined ? {} : { [name]: value };
}

function headersIn(file: string): Record<string, string> {
  const lines = contentOf(file).split('\n');
  return headers(
    lines.filter((line) => line.trim() !== ''),
    file,
  );
}

/** Says where, and not what: a line may hold a secret. */
function headers(lines: readonly string[], where: string): Record<string, string> {
  return Object.fromEntries(
    lines.map((line) => {
      const [, name, value] = /^\s*([^:\s]+)\s*:\s*(.*?)\s*$/.exec(line) ?? [];
      if (name === undefined || value === undefined)
        throw new StartupError(`${where}: write headers as "Name: value".`);
      return [name, value];
    }),
  );
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new StartupError(`${file} cannot be read (${(error as NodeJS.ErrnoException).code}): name a readable file.`);
  }
}

function seconds(text: string): readonly number[] {
  const numbers = text.split(',').map((one) => Number(one.trim() || Number.NaN));
  if (numbers.every((number) => Number.isInteger(number) && number > 0)) return numbers;
  throw new InvalidArgumentError('write whole numbers of seconds, such as 5,30,120.');
}
