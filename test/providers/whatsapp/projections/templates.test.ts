import { describe, expect, it } from 'vitest';
import { readFixture } from '../../../support/fixtures.ts';
import { bare, WABA } from '../bodies.ts';
import { at, onlyRow, project, SOURCE, time } from './projected.ts';

const TEMPLATE = {
  message_template_id: 278077987957091,
  message_template_name: 'welcome',
  message_template_language: 'de',
};

function notice(field: string, seconds: number, value: object): object {
  return bare(field, { ...TEMPLATE, ...value }, { time: Number(at(seconds)) });
}

const template = (...bodies: unknown[]) => onlyRow('whatsapp_templates', ...bodies);

describe('a template', () => {
  it('has its name, language and status', () => {
    const { decided_by, history, ...row } = template(readFixture('whatsapp', 'template-status'));
    expect(row).toEqual({
      source: SOURCE,
      template_id: '1689556908129832',
      waba_id: WABA,
      name: 'termin_bestätigung',
      language: 'de',
      status: 'APPROVED',
      status_at: new Date(1_763_600_400_000),
      reason: 'NONE',
    });
    expect(history).toMatchObject([{ at: '2025-11-20T01:00:00.000Z', status: 'APPROVED', reason: 'NONE' }]);
  });

  it('has the status that was told last, and all of them in its history', () => {
    const pausing = { title: 'FIRST_PAUSE', description: 'x' };
    const bodies = [
      notice('message_template_status_update', 1, { event: 'APPROVED', message_template_category: 'UTILITY' }),
      notice('message_template_status_update', 3, { event: 'PAUSED', other_info: pausing }),
      notice('message_template_status_update', 2, { event: 'FLAGGED', reason: 'NONE' }),
    ];
    const row = template(...bodies);
    expect(row).toMatchObject({
      status: 'PAUSED',
      status_at: time(3),
      status_details: { other_info: pausing },
      category: 'UTILITY',
    });
    expect(row).not.toHaveProperty('reason');
    expect(row['history']).toMatchObject([{ status: 'APPROVED' }, { status: 'FLAGGED' }, { status: 'PAUSED' }]);
    expect(template(...bodies.reverse())).toEqual(row);
  });

  it.each(['message_template_quality_update', 'message_template_status_update'])(
    'has its quality, also under %s',
    (field) => {
      const row = template(notice(field, 1, { previous_quality_score: 'GREEN', new_quality_score: 'YELLOW' }));
      expect(row).toMatchObject({ quality: 'YELLOW', previous_quality: 'GREEN', quality_at: time(1) });
      expect(row).not.toHaveProperty('status');
    },
  );

  it('has an announced category until it gets it', () => {
    const announced = notice('template_category_update', 1, {
      new_category: 'UTILITY',
      correct_category: 'MARKETING',
      category_update_timestamp: Number(at(60)),
    });
    const changed = notice('template_category_update', 60, { previous_category: 'UTILITY', new_category: 'MARKETING' });
    expect(template(announced)).toMatchObject({
      category: 'UTILITY',
      announced_category: 'MARKETING',
      announced_category_at: time(60),
    });
    for (const row of [template(announced, changed), template(changed, announced)]) {
      expect(row).toMatchObject({ category: 'MARKETING', category_at: time(60) });
      expect(row).not.toHaveProperty('announced_category');
      expect(row['history']).toMatchObject([
        { announced_category: 'MARKETING' },
        { previous_category: 'UTILITY', category: 'MARKETING' },
      ]);
    }
  });

  it('has its components', () => {
    const buttons = [{ message_template_button_type: 'URL', message_template_button_text: 'Hilfe' }];
    const components = {
      message_template_title: 'T',
      message_template_element: 'Danke, {{1}}!',
      message_template_footer: 'F',
      message_template_buttons: buttons,
    };
    const row = template(notice('message_template_components_update', 4, components));
    expect(row).toMatchObject({ title: 'T', body: 'Danke, {{1}}!', footer: 'F', buttons, components_at: time(4) });
  });

  it('keeps the newest hundred changes', () => {
    const bodies = Array.from({ length: 120 }, (_, second) =>
      notice('message_template_status_update', second, { event: `S${second}` }),
    );
    const kept = (row: Record<string, unknown>) => (row['history'] as { status: string }[]).map(({ status }) => status);
    const newest = Array.from({ length: 100 }, (_, index) => `S${index + 20}`);
    expect(kept(template(...bodies))).toEqual(newest);
    expect(kept(template(...bodies.reverse()))).toEqual(newest);
  });

  it('is found by all digits of its id', () => {
    const body = JSON.stringify(notice('message_template_status_update', 1, { event: 'APPROVED' })).replace(
      '278077987957091',
      '12345678901234567890',
    );
    expect(template(body)).toMatchObject({ template_id: '12345678901234567890' });
    const { rows } = project(body);
    expect(rows('whatsapp_account_events')).toMatchObject([{ template_id: '12345678901234567890', event: 'APPROVED' }]);
  });
});
