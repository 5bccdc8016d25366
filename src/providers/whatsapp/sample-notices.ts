/** Samples of what has no id of its own: account, template and phone number notices, history and the other lists. */
import { CUSTOMER, PHONE, type SampleChange, type SampleFacts } from './sample-facts.ts';

const SHARED = { messaging_product: 'whatsapp', metadata: PHONE };

/** Each under the name of its field, which is its event's type too. */
export const NOTICES: Readonly<Record<string, (facts: SampleFacts) => SampleChange>> = {
  error: ({ number }) => ({
    field: 'messages',
    value: {
      ...SHARED,
      errors: [{ code: 130429, title: 'Rate limit hit', message: `Rate limit hit (${number})` }],
    },
  }),
  history: ({ wamid, seconds }) => ({
    field: 'history',
    value: {
      ...SHARED,
      history: [
        {
          metadata: { phase: 0, chunk_order: 1, progress: 55 },
          threads: [
            {
              id: CUSTOMER.wa_id,
              messages: [
                {
                  from: CUSTOMER.wa_id,
                  id: wamid,
                  timestamp: seconds,
                  type: 'text',
                  text: { body: 'Merci !' },
                  history_context: { status: 'READ' },
                },
              ],
            },
          ],
        },
      ],
    },
  }),
  smb_app_state_sync: ({ number, seconds }) => ({
    field: 'smb_app_state_sync',
    value: {
      ...SHARED,
      state_sync: [
        {
          type: 'contact',
          contact: { full_name: 'Élodie Martin', first_name: 'Élodie', phone_number: number },
          action: 'add',
          metadata: { timestamp: seconds },
        },
      ],
    },
  }),
  user_preferences: ({ number, time }) => ({
    field: 'user_preferences',
    value: {
      ...SHARED,
      contacts: [{ wa_id: number }],
      user_preferences: [
        {
          wa_id: number,
          detail: 'User requested to stop marketing messages',
          category: 'marketing_messages',
          value: 'stop',
          timestamp: time,
        },
      ],
    },
  }),
  account_update: ({ number, time }) => ({
    field: 'account_update',
    time,
    value: { event: 'PARTNER_ADDED', waba_info: { waba_id: number, owner_business_id: '104996122399160' } },
  }),
  message_template_status_update: ({ number, time }) => ({
    field: 'message_template_status_update',
    time,
    value: {
      event: 'APPROVED',
      message_template_id: Number(number),
      message_template_name: 'order_confirmation',
      message_template_language: 'fr',
      reason: 'NONE',
    },
  }),
  phone_number_quality_update: ({ number, time }) => ({
    field: 'phone_number_quality_update',
    time,
    value: { display_phone_number: number, event: 'UPGRADE', current_limit: 'TIER_10K' },
  }),
};
