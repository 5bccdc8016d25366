/** What the queries about the events themselves answer in the scenario, by the number of the query. */
import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import type { WebhookProviderName } from '../../src/core/event.ts';
import { PHONE_ID } from '../providers/whatsapp/bodies.ts';
import { readFixture } from '../support/fixtures.ts';
import type { Case } from './data-model.ts';

const bytesOf = (source: WebhookProviderName, fixture: string) => {
  const body = readFixture(source, fixture);
  const headers = expect.objectContaining({ 'content-type': 'application/json', 'user-agent': 'node' });
  const sha256 = createHash('sha256').update(body).digest('hex');
  return { source, received_at: expect.any(Date), headers, body, sha256 };
};

export const EVENT_CASES: Readonly<Record<string, readonly Case[]>> = {
  '11': [
    {
      variables: { id: 'evt_3SVbK2pQ8sLmN0aB1c2D3e4F' },
      rows: [
        {
          ...bytesOf('stripe', 'payment-intent-succeeded'),
          ...{ dedupe_key: 'evt_3SVbK2pQ8sLmN0aB1c2D3e4F', type: 'payment_intent.succeeded' },
        },
      ],
    },
    {
      // Of a connected account: the key goes on with whose it is.
      variables: { id: 'evt_1SVbK2QwErTyUiOp5aSdFgHj' },
      rows: [
        {
          ...bytesOf('stripe', 'connect-account-updated'),
          ...{ dedupe_key: 'evt_1SVbK2QwErTyUiOp5aSdFgHj:acct_1SUAaBbCcDdEeFfG', type: 'account.updated' },
        },
      ],
    },
    {
      variables: { id: 'message:wamid.HBgNNDkxNTExMjM0NTY3OBUCABIYFDNBMDEA' },
      rows: [
        {
          ...bytesOf('whatsapp', 'message-text'),
          dedupe_key: `message:wamid.HBgNNDkxNTExMjM0NTY3OBUCABIYFDNBMDEA:${PHONE_ID}`,
          type: 'message.text',
        },
      ],
    },
    // Another id that begins in the same way.
    { variables: { id: 'evt_3SVbK2pQ8sLmN0aB1c2D3e4' }, rows: [] },
  ],
  '12': [
    {
      rows: [
        {
          ...{ parked: true, attempts: 8, error: expect.stringMatching(/^TypeError at /), source: 'whatsapp' },
          ...{ type: 'status.sent', dedupe_key: expect.stringMatching(/^status:/) },
        },
        {
          ...{ parked: false, attempts: 0, error: null, source: 'whatsapp' },
          ...{ type: 'message.text', dedupe_key: `message:wamid.late:${PHONE_ID}` },
        },
      ].map((row) => ({ ...row, received_at: expect.any(Date), event_id: expect.any(String) })),
    },
  ],
};
