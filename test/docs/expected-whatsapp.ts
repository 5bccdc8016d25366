/** What the queries about WhatsApp answer in the scenario, by the number of the query. */
import { PHONE_ID, WABA } from '../providers/whatsapp/bodies.ts';
import type { Case } from './data-model.ts';
import { ago, DAY, HOUR, MINUTE } from './scenario-times.ts';
import { MIA } from './scenario-whatsapp.ts';

const MESSAGE = { group_id: null, edited: null, revoked: null, reactions: null, status: null };
const PARTICIPANT = { group_id: 'G1', name: null, sent_at: null, delivered_at: null, read_at: null, failed_at: null };
const mias = [
  { occurred_at: ago(5 * DAY), direction: 'inbound', type: 'text', text: 'Habt ihr offen?', message_id: 'wamid.a' },
  {
    occurred_at: ago(5 * DAY - HOUR),
    direction: 'outbound',
    type: 'text',
    text: 'Ja, bis 18 Uhr.',
    message_id: 'wamid.b',
  },
  {
    occurred_at: ago(4 * DAY),
    direction: 'inbound',
    type: 'text',
    text: 'Danke!',
    edited: true,
    message_id: 'wamid.c',
  },
  {
    ...{
      occurred_at: ago(2 * DAY),
      direction: 'outbound',
      type: null,
      text: null,
      status: 'read',
      message_id: 'wamid.d',
    },
    reactions: { user: { emoji: '👍', at: ago(2 * DAY - HOUR).toISOString(), by: `message:wamid.d2:${PHONE_ID}` } },
  },
  {
    occurred_at: ago(DAY + HOUR),
    direction: 'inbound',
    type: 'text',
    text: 'Falscher Chat',
    revoked: true,
    message_id: 'wamid.e',
  },
].map((row) => ({ ...MESSAGE, ...row }));

export const WHATSAPP_CASES: Readonly<Record<string, readonly Case[]>> = {
  // Under each of her ids, also those that she no longer has.
  '1': Object.values(MIA).map((contact) => ({ variables: { contact }, rows: mias })),
  '2': [
    {
      variables: { message: 'wamid.g' },
      rows: [
        { ...PARTICIPANT, recipient: '4917000000002', delivered_at: ago(3 * DAY - 2 * MINUTE), error_code: null },
        { ...PARTICIPANT, recipient: '4917000000003', failed_at: ago(3 * DAY - 3 * MINUTE), error_code: '131026' },
        {
          ...{ ...PARTICIPANT, recipient: 'DE.2001', name: 'Ana', error_code: null },
          ...{ delivered_at: ago(3 * DAY - MINUTE), read_at: ago(3 * DAY - HOUR) },
        },
        { ...PARTICIPANT, recipient: null, sent_at: ago(3 * DAY), error_code: null },
      ],
    },
    {
      variables: { message: 'wamid.u' },
      rows: [
        {
          ...{ ...PARTICIPANT, group_id: null, recipient: '4916000000001', error_code: null },
          ...{ sent_at: ago(3 * HOUR), delivered_at: ago(3 * HOUR - MINUTE) },
        },
      ],
    },
  ],
  '3': [
    {
      rows: [
        {
          ...{ occurred_at: ago(2 * HOUR), contact_id: '4916000000001', group_id: null, status: 'failed' },
          ...{ failure_code: '131026', failure_title: 'Message undeliverable', message_id: 'wamid.f' },
        },
        {
          ...{ occurred_at: ago(3 * HOUR), contact_id: '4916000000001', group_id: null, status: 'delivered' },
          ...{ failure_code: null, failure_title: null, message_id: 'wamid.u' },
        },
      ],
    },
  ],
  '4': [
    {
      variables: { from: '2025-03-01', to: '2025-04-01' },
      rows: [
        ['service', 'free_customer_service', '0', '1'],
        ['utility', 'regular', '2', '0'],
      ].map(([pricing_category, pricing_type, billable, free]) => {
        return { waba_id: WABA, pricing_category, pricing_type, pricing_model: 'PMP', billable, free };
      }),
    },
  ],
  '5': [
    {
      rows: [
        {
          ...{
            waba_id: WABA,
            name: 'angebot',
            language: 'de',
            status: 'PAUSED',
            status_at: ago(2 * DAY),
            reason: 'NONE',
          },
          ...{ quality: 'RED', previous_quality: 'GREEN', category: 'MARKETING', template_id: '101' },
        },
        {
          ...{ waba_id: WABA, name: 'rechnung', language: 'de', status: 'REJECTED', status_at: ago(4 * DAY) },
          ...{ reason: 'INVALID_FORMAT', quality: null, previous_quality: null, category: null, template_id: '102' },
        },
      ],
    },
  ],
};
