/** Do the settings of a destination fit together? What one field alone can be wrong in, the API's schema says. */
import { conditionFaults } from '../core/condition.ts';
import type { DestinationFilter, DestinationSettings, Signing } from '../core/destination.ts';
import { Refusal, type RefusalDetail } from '../core/errors.ts';
import { OWN_SOURCE } from '../core/event.ts';

/** What only those know who send. Each answers with what is wrong, for people, or with null. */
export interface DestinationRules {
  url(url: string): string | null;
  headerName(name: string): string | null;
  headerValue(value: string): string | null;
}

/** Of a destination that is changed, what stays as it is. */
export interface StandingSettings {
  readonly target: DestinationSettings['target'];
  readonly signing: Signing;
  readonly filter: Pick<DestinationFilter, 'sources'>;
  readonly secretCount: number;
}

const CONDITION = 'filter.condition';

/** `whsec_` and 24 to 64 bytes in base64, as Standard Webhooks has it; padded, since Go and PHP decode nothing else. */
export function isStandardSecret(secret: string): boolean {
  const [, base64] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret) ?? [];
  if (base64 === undefined) return false;
  const bytes = Buffer.from(base64, 'base64');
  return bytes.toString('base64') === base64 && bytes.length >= 24 && bytes.length <= 64;
}

/**
 * @param standing null for a new one
 * @throws Refusal `bad_request` with every fault
 */
export function checkDestination(
  settings: Partial<DestinationSettings>,
  standing: StandingSettings | null,
  rules: DestinationRules,
): void {
  const details = [
    ...targetFaults(settings, rules),
    ...signingFaults(settings, standing),
    ...headerFaults('headers', settings.headers, rules),
    ...headerFaults('secretHeaders', settings.secretHeaders, rules),
    ...conditionFaults(settings.filter?.condition ?? {}).map(({ path, message }) => ({
      path: path === '' ? CONDITION : `${CONDITION}.${path}`,
      message,
    })),
  ];
  if (details.length > 0) throw new Refusal('bad_request', 'the destination cannot be set up like that', details);
}

function fault(path: string, message: string | null): RefusalDetail[] {
  return message === null ? [] : [{ path, message }];
}

function targetFaults({ target }: Partial<DestinationSettings>, rules: DestinationRules): RefusalDetail[] {
  return target?.kind === 'http' ? fault('target.url', rules.url(target.url)) : [];
}

function signingFaults(settings: Partial<DestinationSettings>, standing: StandingSettings | null): RefusalDetail[] {
  const signing = settings.signing ?? standing?.signing;
  const target = settings.target ?? standing?.target;
  const secrets = settings.secrets?.length ?? standing?.secretCount ?? 0;
  if (target?.kind === 'redis_stream' && signing !== 'none') {
    return fault('signing', 'entries of a stream are not signed: write "none"');
  }
  if (signing === 'none')
    return secrets === 0 ? [] : fault('secrets', 'nothing is signed: leave them out, or write []');
  if (secrets === 0) return fault('secrets', `the signing "${signing}" needs at least one`);
  if (signing === 'provider') return ownEventFaults(settings.filter ?? standing?.filter);
  const kept = settings.secrets === undefined && standing?.signing !== 'standard';
  if (kept) return fault('secrets', 'those of the signing before do not fit: write new ones');
  return (settings.secrets ?? []).flatMap((secret, index) =>
    isStandardSecret(secret)
      ? []
      : fault(
          `secrets.${index}`,
          'for the signing "standard" write whsec_ and 24 to 64 bytes in base64, with its padding',
        ),
  );
}

function ownEventFaults(filter: StandingSettings['filter'] | undefined): RefusalDetail[] {
  const wanted = filter?.sources?.includes(OWN_SOURCE) === true;
  const message = `the source ${OWN_SOURCE} is of no provider, and nothing signs its events like one: write "standard" or "none"`;
  return fault('signing', wanted ? message : null);
}

function headerFaults(
  field: 'headers' | 'secretHeaders',
  headers: Readonly<Record<string, string>> | undefined,
  rules: DestinationRules,
): RefusalDetail[] {
  const seen = new Set<string>();
  return Object.entries(headers ?? {}).flatMap(([name, value]) => {
    const path = `${field}.${name}`;
    if (seen.has(name.toLowerCase())) return fault(path, 'stands there twice');
    seen.add(name.toLowerCase());
    return [...fault(path, rules.headerName(name)), ...fault(path, rules.headerValue(value))];
  });
}
