/** Bodies as Meta would send them, to try the gateway with. */
import type { SampleInput } from '../../core/provider.ts';
import { BUSINESS_ACCOUNT, CUSTOMER, PHONE, type SampleChange, type SampleFacts, sampleFacts } from './sample-facts.ts';
import { NOTICES } from './sample-notices.ts';

type Fields = Readonly<Record<string, unknown>>;

const SAMPLES: Readonly<Record<string, (facts: SampleFacts) => SampleChange>> = {
  'message.text': message('text', () => ({ text: { body: 'Bonjour, où est ma commande ? 📦' } })),
  'message.image': message('image', ({ number }) => ({
    image: {
      caption: 'Le reçu',
      mime_type: 'image/jpeg',
      sha256: '29ed500fa64eb55fc19dc4124acb300e5dcca0f822a301ae99944db22bf4a8fb',
      id: number,
    },
  })),
  'message.interactive': message('interactive', ({ wamid }) => ({
    context: { from: PHONE.display_phone_number, id: `${wamid}-sent` },
    interactive: { type: 'button_reply', button_reply: { id: 'cancel-button', title: 'Annuler' } },
  })),
  'message.reaction': message('reaction', ({ wamid }) => ({ reaction: { message_id: `${wamid}-sent`, emoji: '👍' } })),
  'message.location': message('location', () => ({
    location: { latitude: 48.8584, longitude: 2.2945, name: 'Tour Eiffel', address: 'Champ de Mars, Paris' },
  })),
  'message.unsupported': message('unsupported', () => ({
    errors: [{ code: 131051, title: 'Message type unknown', message: 'Message type unknown' }],
  })),
  'status.sent': status('sent', () => ({ pricing: { billable: true, pricing_model: 'PMP', category: 'utility' } })),
  'status.delivered': status('delivered', () => ({})),
  'status.read': status('read', () => ({})),
  'status.failed': status('failed', () => ({
    errors: [{ code: 131026, title: 'Message undeliverable', message: 'Message undeliverable' }],
  })),
  'call.connect': ({ wacid, seconds }) => ({
    field: 'calls',
    value: {
      ...shared(),
      calls: [
        {
          id: wacid,
          from: CUSTOMER.wa_id,
          to: PHONE.display_phone_number,
          event: 'connect',
          timestamp: seconds,
          direction: 'USER_INITIATED',
          session: { sdp_type: 'offer', sdp: 'v=0\r\no=- 7602563789789945080 2 IN IP4 127.0.0.1\r\ns=-\r\n' },
        },
      ],
    },
  }),
  'call_status.ringing': ({ wacid, seconds }) => ({
    field: 'calls',
    value: {
      ...shared(),
      statuses: [{ id: wacid, type: 'call', status: 'RINGING', timestamp: seconds, recipient_id: CUSTOMER.wa_id }],
    },
  }),
  'message_echo.text': ({ wamid, seconds }) => ({
    field: 'smb_message_echoes',
    value: {
      ...shared([]),
      message_echoes: [
        {
          from: PHONE.display_phone_number,
          to: CUSTOMER.wa_id,
          id: wamid,
          timestamp: seconds,
          type: 'text',
          text: { body: 'Elle part aujourd’hui.' },
        },
      ],
    },
  }),
  ...NOTICES,
};

export const SAMPLE_TYPES: readonly string[] = Object.keys(SAMPLES);

/** Compact, slashes escaped and everything beyond ASCII as `\uXXXX`: the form in which Meta signs and sends. */
export function sample({ type = 'message.text', unique, now }: SampleInput): Buffer {
  const build = Object.hasOwn(SAMPLES, type) ? SAMPLES[type] : undefined;
  if (build === undefined) throw new RangeError(`no sample of ${type}; there are ${SAMPLE_TYPES.join(', ')}`);
  const facts = sampleFacts(unique, now);
  const { field, value, time } = build(facts);
  const entry = { id: BUSINESS_ACCOUNT, ...(time === undefined ? {} : { time }), changes: [{ value, field }] };
  const json = JSON.stringify({ object: 'whatsapp_business_account', entry: [entry] });
  return Buffer.from(json.replaceAll('/', '\\/').replace(/[\u0080-\uffff]/g, escapeCodeUnit));
}

function escapeCodeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function message(type: string, content: (facts: SampleFacts) => Fields): (facts: SampleFacts) => SampleChange {
  return (facts) => ({
    field: 'messages',
    value: {
      ...shared(),
      messages: [{ from: CUSTOMER.wa_id, id: facts.wamid, timestamp: facts.seconds, type, ...content(facts) }],
    },
  });
}

function status(name: string, more: (facts: SampleFacts) => Fields): (facts: SampleFacts) => SampleChange {
  return (facts) => ({
    field: 'messages',
    value: {
      ...shared(),
      statuses: [
        { id: facts.wamid, status: name, timestamp: facts.seconds, recipient_id: CUSTOMER.wa_id, ...more(facts) },
      ],
    },
  });
}

function shared(contacts: readonly Fields[] = [CUSTOMER]): Fields {
  return { messaging_product: 'whatsapp', metadata: PHONE, ...(contacts.length > 0 ? { contacts } : {}) };
}
