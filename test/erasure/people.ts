/** What three people do on WhatsApp. Mia is the one to be erased; Jan has much to do with her; Eve has Mia's old number today. */
import { bare, change, PHONE_ID, WABA } from '../providers/whatsapp/bodies.ts';
import { at, echo, message, status } from '../providers/whatsapp/projections/projected.ts';

export const OLD_NUMBER = '4915100000009';
export const MIA = { user_id: 'DE.1001', wa_id: '4915100000001', profile: { name: 'Mia Roth', username: '@mia' } };
export const OLD_MIA = 'DE.1000';
export const JAN = { user_id: 'DE.2002', wa_id: '4915100000002', profile: { name: 'Jan Sommer' } };
export const EVE = { user_id: 'DE.3003', wa_id: OLD_NUMBER, profile: { name: 'Eve Blum' } };
/** All ids that are Mia's and nobody else's. */
export const IDS_OF_MIA = [MIA.user_id, MIA.wa_id, OLD_MIA];

type Contact = typeof MIA | typeof JAN | typeof EVE;

export function text(contact: Contact, id: string, seconds: number, body: string, more: object = {}): object {
  return {
    ...{ from: contact.wa_id, from_user_id: contact.user_id, id, timestamp: at(seconds), type: 'text' },
    ...{ text: { body }, ...more },
  };
}

const inGroup = { group_id: 'G' };
const from = (contact: Contact, item: object, more = {}) =>
  message({ from: contact.wa_id, from_user_id: contact.user_id, ...item, ...more }, contact);

const groupStatus = (contact: Contact, seconds: number, name: string) => ({
  ...{ id: 'to-group', status: name, timestamp: at(seconds), recipient_id: 'G', recipient_type: 'group' },
  recipient_participant_user_id: contact.user_id,
  recipient_participant_id: contact.wa_id,
});

/** Of Mia alone. */
export const OWN: readonly object[] = [
  message(text(MIA, 'mia-1', 10, 'Hello, it is me'), MIA),
  echo({ id: 'echo-1', to: MIA.wa_id, timestamp: at(20), type: 'text', text: { body: 'Hello Mia' } }),
  status({ id: 'echo-1', status: 'delivered', timestamp: at(21), recipient_id: MIA.wa_id }, MIA),
  status({ id: 'echo-1', status: 'read', timestamp: at(22), recipient_user_id: MIA.user_id, recipient_id: undefined }),
  // Before she had this number.
  message({ ...text(MIA, 'mia-0', 1, 'My old number'), from: OLD_NUMBER, from_user_id: OLD_MIA }),
  message({
    ...{ from: OLD_NUMBER, from_user_id: OLD_MIA, id: 'moved', timestamp: at(5), type: 'system' },
    system: {
      type: 'user_changed_number',
      body: 'Mia changed',
      wa_id: MIA.wa_id,
      user_id: MIA.user_id,
      previous_user_id: OLD_MIA,
    },
  }),
  change('user_preferences', {
    user_preferences: [{ wa_id: MIA.wa_id, category: 'marketing_messages', value: 'stop', timestamp: 1_763_640_060 }],
  }),
  change('calls', {
    contacts: [MIA],
    calls: [
      {
        id: 'call',
        from: MIA.wa_id,
        to: '4930901820',
        event: 'connect',
        timestamp: at(30),
        direction: 'USER_INITIATED',
      },
    ],
  }),
  change('calls', {
    statuses: [{ id: 'call', type: 'call', status: 'RINGING', timestamp: at(31), recipient_id: MIA.wa_id }],
  }),
  change('group_participants_update', {
    groups: [
      { ...inGroup, timestamp: at(2), type: 'group_participants_add', added_participants: [{ wa_id: MIA.wa_id }] },
    ],
  }),
  change('automatic_events', {
    automatic_events: [{ id: messageId(MIA.wa_id), event_name: 'Purchase', timestamp: 1_763_640_000 }],
  }),
];

/** Of Mia and of others. */
export const MIXED: readonly object[] = [
  change('messages', {
    contacts: [MIA, JAN],
    messages: [text(JAN, 'jan-1', 40, 'It is Jan'), text(MIA, 'mia-2', 41, 'And Mia')],
    statuses: [{ id: 'out', status: 'sent', timestamp: at(42), recipient_id: JAN.wa_id }],
  }),
  // Which of both has a contact that belongs to nobody.
  change('messages', {
    contacts: [MIA, JAN],
    statuses: [{ id: 'out', status: 'read', timestamp: at(43), recipient_id: JAN.wa_id }],
  }),
  from(JAN, text(JAN, 'group-1', 50, 'Who comes?', inGroup)),
  from(
    MIA,
    { id: 'react', timestamp: at(51), type: 'reaction', reaction: { message_id: 'group-1', emoji: '👍' } },
    inGroup,
  ),
  from(MIA, text(MIA, 'group-2', 52, 'I do', { ...inGroup, context: { from: JAN.wa_id, id: 'group-1' } })),
  from(JAN, text(JAN, 'group-3', 53, 'Fine', { ...inGroup, context: { from: MIA.wa_id, id: 'group-2' } })),
  from(
    JAN,
    { id: 'react-2', timestamp: at(54), type: 'reaction', reaction: { message_id: 'group-2', emoji: '🎉' } },
    inGroup,
  ),
  change('messages', {
    statuses: [groupStatus(MIA, 60, 'delivered'), groupStatus(JAN, 62, 'delivered'), groupStatus(MIA, 63, 'read')],
  }),
  change('group_participants_update', {
    groups: [
      {
        ...{ ...inGroup, timestamp: at(3), type: 'group_participants_remove' },
        removed_participants: [{ wa_id: MIA.wa_id }, { wa_id: JAN.wa_id }],
      },
    ],
  }),
  change('smb_app_state_sync', {
    state_sync: [MIA, JAN].map(({ wa_id, profile }) => ({
      ...{ type: 'contact', action: 'add', metadata: { timestamp: at(4) } },
      contact: { full_name: profile.name, first_name: profile.name, phone_number: `+${wa_id}` },
    })),
  }),
  change('history', {
    history: [
      {
        metadata: { phase: 1, chunk_order: 1, progress: 100 },
        threads: [MIA, JAN].map(({ wa_id, user_id }, index) => ({
          ...{ id: wa_id, context: { wa_id, user_id } },
          messages: [
            { from: wa_id, id: `old-${index}`, timestamp: at(-1000), type: 'text', text: { body: 'Long ago' } },
          ],
        })),
      },
    ],
  }),
];

/** Nothing of it is Mia's. */
export const OTHERS: readonly object[] = [
  message(text(EVE, 'eve-1', 100, 'This is my number now'), EVE),
  message(text(JAN, 'jan-2', 101, `Call Mia: ${MIA.wa_id}`), JAN),
  from(JAN, {
    ...{ id: 'card', timestamp: at(102), type: 'contacts' },
    contacts: [
      { name: { formatted_name: 'Mia Roth' }, phones: [{ phone: `+${MIA.wa_id}`, wa_id: MIA.wa_id, type: 'CELL' }] },
    ],
  }),
  bare('account_alerts', { entity_type: 'BUSINESS', alert_info: { alert_severity: 'CRITICAL', alert_status: 'NONE' } }),
  bare('message_template_status_update', {
    event: 'APPROVED',
    message_template_id: 99,
    message_template_name: 'hello',
  }),
];

/** As Meta makes it of the number of the other side. */
export function messageId(phone: string): string {
  const bytes = [
    Buffer.from([0x1c, 0x18, phone.length]),
    Buffer.from(phone),
    Buffer.from([0x15, 2, 0, 0x12, 0x18, 4, 0x33]),
  ];
  return `wamid.${Buffer.concat(bytes).toString('base64')}`;
}

export { PHONE_ID, WABA };
