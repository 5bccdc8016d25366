/** Webhooks with something wrong in body, signature or both, each made from one seed. */
import { createHmac } from 'node:crypto';
import type { WebhookProviderName } from '../../src/core/event.ts';
import { SECRETS } from '../support/webhooks.ts';
import { nonsenseBody } from './nonsense-body.ts';
import type { Random } from './random.ts';

export const HEADERS: Readonly<Record<WebhookProviderName, string>> = {
  stripe: 'stripe-signature',
  whatsapp: 'x-hub-signature-256',
};

export interface Nonsense {
  readonly provider: WebhookProviderName;
  readonly body: Buffer;
  /** Of the signature; undefined: none. Latin-1, and no end of line in it. */
  readonly header: string | undefined;
  /** `genuine`: must be accepted. `forged`: must be refused. `either`: may be accepted if what was signed is in it. */
  readonly verdict: 'genuine' | 'forged' | 'either';
  /** What a header that is accepted must contain, in lower case. */
  readonly proof: readonly string[];
}

interface Signed {
  /** Unix seconds; null for providers that sign no time. */
  readonly time: number | null;
  /** Hex. */
  readonly digest: string;
}

/** Computed here and not by the daemon's own code. */
function sign(provider: WebhookProviderName, body: Buffer, time: number, secret = SECRETS[provider]): Signed {
  if (provider === 'whatsapp') return { time: null, digest: createHmac('sha256', secret).update(body).digest('hex') };
  return { time, digest: createHmac('sha256', secret).update(`${time}.`).update(body).digest('hex') };
}

const write = ({ time, digest }: Signed): string => (time === null ? `sha256=${digest}` : `t=${time},v1=${digest}`);

export function nonsense(random: Random): Nonsense {
  const provider = random.pick(['stripe', 'whatsapp'] as const);
  const body = nonsenseBody(provider, random);
  const now = Math.floor(Date.now() / 1000);
  const right = sign(provider, body, now);
  const made = (header: string | undefined, verdict: Nonsense['verdict']): Nonsense => ({
    provider,
    body,
    header,
    verdict,
    proof: [right.digest, ...(right.time === null ? [] : [`t=${right.time}`])],
  });
  const kind = random.below(10);
  if (kind < 4) return made(write(right), 'genuine');
  if (kind < 7) return made(forged(provider, body, now, random), 'forged');
  return made(mangled(write(right), random), 'either');
}

function forged(provider: WebhookProviderName, body: Buffer, now: number, random: Random): string | undefined {
  const other = provider === 'stripe' ? 'whatsapp' : 'stripe';
  const { digest } = sign(provider, body, now);
  const flipped = (digest.startsWith('0') ? '1' : '0') + digest.slice(1);
  // Some seconds may pass on the way.
  const wrongTime = now + random.pick([-100_000, -330, 330, 100_000]);
  return random.pick<() => string | undefined>([
    () => undefined,
    () => '',
    () => write(sign(provider, body, now, 'another secret')),
    () => write(sign(provider, body, now, '')),
    () => write({ time: provider === 'stripe' ? now : null, digest: flipped }),
    () => write({ time: provider === 'stripe' ? now : null, digest: digest.slice(2) }),
    () => write(sign(provider, Buffer.concat([body, Buffer.from(' ')]), now)),
    () => write(sign(other, body, now)),
    () => (provider === 'stripe' ? write(sign(provider, body, wrongTime)) : `sha1=${digest.slice(0, 40)}`),
    () => (provider === 'stripe' ? `t=${now},v0=${digest}` : digest),
    () =>
      random.pick([
        '=',
        ',',
        't=,v1=',
        'sha256=',
        '%',
        '\u0001',
        'é'.repeat(100),
        'v1='.repeat(3_000),
        'x'.repeat(40_000),
      ]),
  ])();
}

/** Pieces that are put into a header, or in place of one of its characters. */
const PIECES = [
  ' ',
  ',',
  '=',
  ';',
  '\t',
  '"',
  't=1',
  'v1=00',
  'v0=ff',
  ',t=',
  ',v1=',
  'sha256=',
  '0',
  'G',
  '\u0000',
  '\u007f',
  'é',
  '%00',
  '-',
];

function mangled(header: string, random: Random): string {
  let text = header;
  for (let changes = 1 + random.below(3); changes > 0; changes--) {
    const place = random.below(text.length + 1);
    const [before, after] = [text.slice(0, place), text.slice(place)];
    text = random.pick<() => string>([
      () => before + random.pick(PIECES) + after,
      () => before + random.pick(PIECES) + after.slice(1),
      () => before + after.slice(1 + random.below(8)),
      () => text.toUpperCase(),
      () => `${text},${text}`,
      () => `${text},v1=${'0'.repeat(64)}`,
      () => `v1=${'0'.repeat(64)},${text}`,
      () => text + 'v1=0,'.repeat(random.below(500)),
    ])();
  }
  return text;
}

/** False where a header was accepted that does not hold what was signed. */
export function mayBeAccepted({ verdict, header = '', proof }: Nonsense): boolean {
  return verdict !== 'forged' && proof.every((part) => header.toLowerCase().includes(part));
}
