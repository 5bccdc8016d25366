/** Reactions, edits and revocations: they change the row of the message that they are about and have none of their own. */
import { describe, expect, it } from 'vitest';
import { at, echo, MIA, message, onlyMessage, textFromMia, time } from './projected.ts';

const original = textFromMia({ id: 'm', text: { body: 'um 18 Uhr' }, context: { id: 'before' } });

describe('a reaction', () => {
  const react = (emoji: string | undefined, seconds: number, item: object = {}) =>
    textFromMia({
      id: `r${seconds}`,
      timestamp: at(seconds),
      type: 'reaction',
      reaction: { message_id: 'm', emoji },
      ...item,
    });

  it('stands on its target, whoever comes first', () => {
    const by = `message:r1:${onlyMessage(original)['phone_number_id']}`;
    const reactions = { user: { emoji: '👍', at: time(1).toISOString(), by } };
    const bodies = [original, react('👍', 1)];
    expect(onlyMessage(...bodies)).toMatchObject({ text: 'um 18 Uhr', reactions });
    expect(onlyMessage(...bodies.reverse())).toEqual(onlyMessage(...bodies));
  });

  it.each([[''], [undefined]])('is taken back by %j, also if that comes before it', (none) => {
    for (const bodies of [
      [react('👍', 1), react(none, 2)],
      [react(none, 2), react('👍', 1)],
    ]) {
      expect(onlyMessage(...bodies)).toMatchObject({ reactions: { user: { emoji: null } } });
    }
  });

  it('of the business stands beside that of the user', () => {
    const ours = echo({ id: 'r', type: 'reaction', reaction: { message_id: 'm', emoji: '❤️' } });
    expect(onlyMessage(react('👍', 1), ours)).toMatchObject({
      contact_id: MIA.user_id,
      reactions: { user: { emoji: '👍' }, business: { emoji: '❤️' } },
    });
  });

  it('in a group is that of the participant, and says nothing about who wrote its target', () => {
    const jan = message({
      id: 'r',
      from: '4915100000002',
      group_id: 'G',
      type: 'reaction',
      reaction: { message_id: 'm', emoji: '😀' },
    });
    const row = onlyMessage(react('👍', 1, { group_id: 'G' }), jan);
    expect(row).toMatchObject({
      group_id: 'G',
      reactions: { [MIA.user_id]: { emoji: '👍' }, '4915100000002': { emoji: '😀' } },
    });
    expect(row).not.toHaveProperty('contact_id');
  });

  it('to nothing is a message of its own', () => {
    expect(onlyMessage(textFromMia({ id: 'r', type: 'reaction', reaction: { emoji: '👍' } }))).toMatchObject({
      message_id: 'r',
      type: 'reaction',
    });
  });
});

describe('an edit', () => {
  const edit = (body: string, seconds: number) =>
    textFromMia({
      id: `e${seconds}`,
      timestamp: at(seconds),
      type: 'edit',
      edit: { original_message_id: 'm', message: { type: 'text', text: { body }, context: { id: 'M0' } } },
    });

  it('replaces what the original says, not what it refers to; the latest counts', () => {
    const expected = {
      text: 'um 20 Uhr',
      edited: true,
      edited_at: time(9),
      occurred_at: time(0),
      reply_to_message_id: 'before',
    };
    const bodies = [original, edit('um 19 Uhr', 5), edit('um 20 Uhr', 9)];
    expect(onlyMessage(...bodies)).toMatchObject(expected);
    expect(onlyMessage(...bodies.reverse())).toMatchObject(expected);
  });

  it('of a message that was never seen leaves a stub with the new words', () => {
    expect(onlyMessage(edit('um 19 Uhr', 5))).toMatchObject({
      message_id: 'm',
      text: 'um 19 Uhr',
      contact_id: MIA.user_id,
      direction: 'inbound',
    });
  });

  it('in the app of the business changes the echo', () => {
    const written = echo({ id: 'm', type: 'text', text: { body: 'a' } });
    const changed = echo({
      id: 'e',
      timestamp: at(3),
      type: 'edit',
      edit: { original_message_id: 'm', message: { type: 'text', text: { body: 'b' } } },
    });
    expect(onlyMessage(changed, written)).toMatchObject({
      text: 'b',
      direction: 'outbound',
      origin: 'echo',
      edited: true,
    });
  });
});

describe('a revocation', () => {
  it('marks the original and keeps what it said', () => {
    const revoke = textFromMia({ id: 'v', timestamp: at(7), type: 'revoke', revoke: { original_message_id: 'm' } });
    for (const row of [onlyMessage(original, revoke), onlyMessage(revoke, original)]) {
      expect(row).toMatchObject({ text: 'um 18 Uhr', revoked: true, revoked_at: time(7) });
    }
  });
});
