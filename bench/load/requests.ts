/** Signed webhooks as whole HTTP requests, every body distinct. */
import { randomBytes, randomUUID } from 'node:crypto';
import { stripe } from '../../src/providers/stripe/index.ts';
import { whatsapp } from '../../src/providers/whatsapp/index.ts';
import { SECRETS } from '../../test/support/webhooks.ts';

export interface Bodies {
  readonly kind: 'stripe' | 'whatsapp-statuses';
  readonly count: number;
  /** Stripe: about how many bytes a body has. */
  readonly bytes?: number;
  /** WhatsApp: statuses in one body. */
  readonly statuses?: number;
}

export function makeRequests(bodies: Bodies): Buffer[] {
  return Array.from({ length: bodies.count }, () =>
    bodies.kind === 'stripe' ? stripeRequest(bodies.bytes ?? 1024) : statusesRequest(bodies.statuses ?? 1),
  );
}

/** A payment intent as Stripe sends it, pretty-printed, filled up with metadata. */
function stripeRequest(bytes: number): Buffer {
  // Letters and digits alike, as Stripe's: ids fall anywhere in an index.
  const unique = randomBytes(18).toString('base64url').replace(/[-_]/g, 'x');
  const now = new Date();
  const plain = stripe.sample({ unique, now }).toString();
  const missing = Math.max(0, bytes - Buffer.byteLength(plain) - 40);
  const body = Buffer.from(
    plain.replace('"order_id": "6735"', `"order_id": "6735",\n        "note": "${filler(missing)}"`),
  );
  const signature = stripe.sign({ body, secret: SECRETS.stripe, now });
  return httpRequest('/webhooks/stripe', `stripe-signature: ${signature}`, body);
}

/** Words of ordinary text: neither compressible to nothing nor noise. */
function filler(length: number): string {
  let text = '';
  while (text.length < length) text += `${randomUUID().slice(0, 8)} item delivered to the customer, `;
  return text.slice(0, length);
}

/** Statuses of sent messages with wamids as random as Meta's. */
function statusesRequest(statuses: number): Buffer {
  const now = new Date();
  const timestamp = String(Math.floor(now.getTime() / 1000));
  const recipient = '393331234567';
  const body = Buffer.from(
    JSON.stringify({
      object: 'whatsapp_business_account',
      entry: [
        {
          id: '102290129340398',
          changes: [
            {
              field: 'messages',
              value: {
                messaging_product: 'whatsapp',
                metadata: { display_phone_number: '15550783881', phone_number_id: '106540352242922' },
                statuses: Array.from({ length: statuses }, () => ({
                  id: `wamid.${randomBytes(42).toString('base64')}`,
                  status: 'delivered',
                  timestamp,
                  recipient_id: recipient,
                  conversation: { id: randomUUID().replaceAll('-', ''), origin: { type: 'utility' } },
                  pricing: { billable: true, pricing_model: 'PMP', category: 'utility' },
                })),
              },
            },
          ],
        },
      ],
    }),
  );
  const signature = whatsapp.sign({ body, secret: SECRETS.whatsapp, now });
  return httpRequest('/webhooks/whatsapp', `x-hub-signature-256: ${signature}`, body);
}

function httpRequest(path: string, signature: string, body: Buffer): Buffer {
  const head = [
    `POST ${path} HTTP/1.1`,
    'host: 127.0.0.1',
    'user-agent: Stripe/1.0 (+https://stripe.com/docs/webhooks)',
    'accept: */*; q=0.5, application/xml',
    'content-type: application/json; charset=utf-8',
    `content-length: ${body.length}`,
    signature,
  ];
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]);
}
