/** A small business on WhatsApp: bodies that the queries of docs/data-model.md are asked about. */
import { bare, change } from '../providers/whatsapp/bodies.ts';
import { DAY, HOUR, MINUTE, unix } from './scenario-times.ts';

type Json = Readonly<Record<string, unknown>>;

const stamp = (seconds: number): string => String(unix(seconds));

export const MIA = { number: '4915100000001', before: 'DE.1001', now: 'DE.9' };

const inbox = (item: Json, contact: Json) => change('messages', { contacts: [contact], messages: [item] });
const status = (item: Json, contact?: Json) =>
  change('messages', { statuses: [item], ...(contact === undefined ? {} : { contacts: [contact] }) });
const said = (body: string) => ({ type: 'text', text: { body } });

/** Mia writes, at first under her number alone; later her user id changes. */
const conversation: readonly object[] = [
  inbox(
    { id: 'wamid.a', from: MIA.number, timestamp: stamp(5 * DAY), ...said('Habt ihr offen?') },
    { wa_id: MIA.number },
  ),
  change('smb_message_echoes', {
    message_echoes: [
      {
        id: 'wamid.b',
        from: '4930901820',
        to: MIA.number,
        timestamp: stamp(5 * DAY - HOUR),
        ...said('Ja, bis 18 Uhr.'),
      },
    ],
  }),
  inbox(
    { id: 'wamid.c', from: MIA.number, from_user_id: MIA.before, timestamp: stamp(4 * DAY), ...said('Danek!') },
    { wa_id: MIA.number, user_id: MIA.before, profile: { name: 'Mia Roth' } },
  ),
  inbox(
    {
      id: 'wamid.c2',
      from_user_id: MIA.before,
      timestamp: stamp(4 * DAY - MINUTE),
      type: 'edit',
      edit: { original_message_id: 'wamid.c', message: said('Danke!') },
    },
    { user_id: MIA.before },
  ),
  change('user_id_update', {
    user_id_update: [
      { wa_id: MIA.number, user_id: { previous: MIA.before, current: MIA.now }, timestamp: stamp(3 * DAY) },
    ],
  }),
  // Sent with the API: of that Meta tells the statuses only.
  status({ id: 'wamid.d', status: 'sent', recipient_user_id: MIA.now, timestamp: stamp(2 * DAY) }),
  status({ id: 'wamid.d', status: 'read', recipient_user_id: MIA.now, timestamp: stamp(2 * DAY - MINUTE) }),
  inbox(
    {
      id: 'wamid.d2',
      from_user_id: MIA.now,
      timestamp: stamp(2 * DAY - HOUR),
      type: 'reaction',
      reaction: { message_id: 'wamid.d', emoji: '👍' },
    },
    { user_id: MIA.now },
  ),
  inbox(
    { id: 'wamid.e', from_user_id: MIA.now, timestamp: stamp(DAY + HOUR), ...said('Falscher Chat') },
    { user_id: MIA.now },
  ),
  inbox(
    {
      id: 'wamid.e2',
      from_user_id: MIA.now,
      timestamp: stamp(DAY + HOUR - MINUTE),
      type: 'revoke',
      revoke: { original_message_id: 'wamid.e' },
    },
    { user_id: MIA.now },
  ),
];

const inGroup = { id: 'wamid.g', recipient_id: 'G1', recipient_type: 'group' };
/** One message to three participants. Ana is named by her number, then by her user id. */
const group: readonly object[] = [
  status({ ...inGroup, status: 'sent', timestamp: stamp(3 * DAY) }),
  status(
    { ...inGroup, status: 'delivered', recipient_participant_id: '4917000000001', timestamp: stamp(3 * DAY - MINUTE) },
    { wa_id: '4917000000001', user_id: 'DE.2001', profile: { name: 'Ana' } },
  ),
  status({ ...inGroup, status: 'read', recipient_participant_user_id: 'DE.2001', timestamp: stamp(3 * DAY - HOUR) }),
  status({
    ...inGroup,
    status: 'delivered',
    recipient_participant_id: '4917000000002',
    timestamp: stamp(3 * DAY - 2 * MINUTE),
  }),
  status({
    ...inGroup,
    status: 'failed',
    recipient_participant_id: '4917000000003',
    timestamp: stamp(3 * DAY - 3 * MINUTE),
    errors: [{ code: 131026, title: 'Message undeliverable' }],
  }),
];

const toJan = (id: string, name: string, seconds: number, more: Json = {}) =>
  status({ id, status: name, recipient_id: '4916000000001', timestamp: stamp(seconds), ...more });
const undeliverable = { errors: [{ code: 131026, title: 'Message undeliverable' }] };
/** Of the last day one failed, one lies unread and one was read; one failed longer ago. */
const lastDay: readonly object[] = [
  toJan('wamid.f', 'sent', 2 * HOUR),
  toJan('wamid.f', 'failed', 2 * HOUR - MINUTE, undeliverable),
  toJan('wamid.u', 'sent', 3 * HOUR),
  toJan('wamid.u', 'delivered', 3 * HOUR - MINUTE),
  toJan('wamid.r', 'delivered', 4 * HOUR),
  toJan('wamid.r', 'read', 4 * HOUR - MINUTE),
  toJan('wamid.o', 'failed', 2 * DAY, undeliverable),
];

const inMarch = (id: string, name: string, category: string, billable: boolean) => {
  const type = billable ? 'regular' : 'free_customer_service';
  const pricing = { billable, pricing_model: 'PMP', type, category };
  return status({ id, status: name, recipient_id: '4916000000001', timestamp: '1741000000', pricing });
};
/** Sent in March 2025. What failed or has not arrived costs nothing, whatever was said when it was sent. */
const priced: readonly object[] = [
  inMarch('wamid.p1', 'sent', 'utility', true),
  inMarch('wamid.p1', 'delivered', 'utility', true),
  inMarch('wamid.p2', 'read', 'utility', true),
  inMarch('wamid.p3', 'sent', 'marketing', true),
  status({
    id: 'wamid.p3',
    status: 'failed',
    recipient_id: '4916000000001',
    timestamp: '1741000060',
    ...undeliverable,
  }),
  inMarch('wamid.p4', 'delivered', 'service', false),
  inMarch('wamid.p5', 'sent', 'utility', true),
];

const template = (id: number, name: string, value: Json, seconds: number, field = 'message_template_status_update') =>
  bare(
    field,
    { message_template_id: id, message_template_name: name, message_template_language: 'de', ...value },
    { time: unix(seconds) },
  );
const score = { previous_quality_score: 'GREEN', new_quality_score: 'RED' };
const templates: readonly object[] = [
  template(101, 'angebot', { event: 'APPROVED', reason: 'NONE', message_template_category: 'MARKETING' }, 9 * DAY),
  template(101, 'angebot', score, 3 * DAY, 'message_template_quality_update'),
  template(101, 'angebot', { event: 'PAUSED', reason: 'NONE', other_info: { title: 'FIRST_PAUSE' } }, 2 * DAY),
  template(102, 'rechnung', { event: 'REJECTED', reason: 'INVALID_FORMAT' }, 4 * DAY),
  template(103, 'termin', { event: 'PAUSED', reason: 'NONE' }, 4 * DAY),
  template(103, 'termin', { event: 'APPROVED', reason: 'NONE' }, DAY),
];

export const WHATSAPP_SCENARIO = [...conversation, ...group, ...lastDay, ...priced, ...templates];

/** A status that does not say of which message: it can never be projected. */
export const POISON = status({ status: 'sent', recipient_id: '4916000000001', timestamp: stamp(HOUR) });
/** Sent after everything else has been dispatched. */
export const LATECOMER = inbox(
  { id: 'wamid.late', from: '4916000000001', timestamp: stamp(0), ...said('Hallo') },
  { wa_id: '4916000000001' },
);
