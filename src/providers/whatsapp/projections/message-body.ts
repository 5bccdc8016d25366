/** What a message says, as columns of `whatsapp_messages`. */
import { asArray, isObject, type JsonObject, own } from '../../../core/json.ts';
import type { ProjectionRow } from '../../../core/projection.ts';
import { id, json, objectOr, text } from './columns.ts';

/** Members of a message that have columns of their own, or say where it comes from. */
const ENVELOPE = new Set([
  ...[
    'id',
    'from',
    'from_user_id',
    'from_parent_user_id',
    'to',
    'to_user_id',
    'to_parent_user_id',
    'timestamp',
    'type',
  ],
  ...['context', 'referral', 'group_id', 'errors', 'identity', 'history_context'],
]);

const MEDIA = new Set(['image', 'video', 'audio', 'voice', 'document', 'sticker']);

/** The columns that an edit replaces. `item`: a message, or what an edit puts in its place. */
export function bodyOf(item: JsonObject): ProjectionRow {
  const type = text(own(item, 'type'));
  const named = type === null ? undefined : own(item, type);
  const main = objectOr(named);
  const media = type !== null && (MEDIA.has(type) || own(main, 'mime_type') !== undefined) ? main : objectOr(null);
  const errors = asArray(own(item, 'errors')) ?? [];
  return {
    type,
    ...wordsOf(type, named),
    media_id: id(own(media, 'id')),
    media_mime_type: text(own(media, 'mime_type')),
    media_sha256: text(own(media, 'sha256')),
    media_filename: text(own(media, 'filename')),
    location: type === 'location' ? json(named) : null,
    order_details: type === 'order' ? json(named) : null,
    content: contentOf(item, type, named),
    errors: errors.length > 0 ? errors : null,
  };
}

/** What can be read, and what was chosen. */
function wordsOf(type: string | null, named: unknown): ProjectionRow {
  const main = objectOr(named);
  const words = { text: null, interactive_type: null, reply_id: null };
  switch (type) {
    case 'text':
    case 'system':
      return { ...words, text: text(own(main, 'body')) };
    case 'order':
      return { ...words, text: text(own(main, 'text')) };
    case 'button':
      return { ...words, text: text(own(main, 'text')), reply_id: text(own(main, 'payload')) };
    case 'interactive': {
      const interactive = text(own(main, 'type'));
      const reply = objectOr(interactive === null ? undefined : own(main, interactive));
      return {
        text: text(own(reply, 'title')) ?? text(own(reply, 'body')),
        interactive_type: interactive,
        reply_id: text(own(reply, 'id')),
      };
    }
    default:
      return { ...words, text: text(own(main, 'caption')) };
  }
}

/** Of a type that Meta has not documented, or that has no object of its name, everything is kept. */
function contentOf(item: JsonObject, type: string | null, named: unknown): unknown {
  if (type === 'location' || type === 'order') return null;
  if (type === 'text' && isObject(named) && Object.keys(named).every((name) => name === 'body')) return null;
  if (named !== undefined) return json(named);
  const rest = Object.entries(item).filter(([name]) => !ENVELOPE.has(name));
  return rest.length === 0 ? null : Object.fromEntries(rest);
}

/** What a message refers to: what it replies to, where it was forwarded from, which advertisement led to it. */
export function surroundingsOf(item: JsonObject): ProjectionRow {
  const context = own(item, 'context');
  const members = objectOr(context);
  const forwarded = own(members, 'forwarded') === true || own(members, 'frequently_forwarded') === true;
  return {
    reply_to_message_id: id(own(members, 'id')),
    forwarded: isObject(context) ? forwarded : null,
    context: json(context),
    referral: json(own(item, 'referral')),
  };
}
