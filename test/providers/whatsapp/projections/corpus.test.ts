import { expect, it } from 'vitest';
import { projector } from '../../../../src/providers/whatsapp/project.ts';
import { corpus } from '../../../support/corpus.ts';
import { projectInMemory } from '../../../support/project-in-memory.ts';
import { eventsOf } from './projected.ts';

const bodies = corpus().filter(({ provider }) => provider === 'whatsapp');

it.each(bodies)('$name is projected', ({ body }) => {
  const events = eventsOf(body);
  const rows = Object.values(projectInMemory(projector, events).all()).flat();
  // Calls have no table; whom they name becomes a contact.
  const projected = events.some(({ type }) => !/^call(_status)?\./.test(type));
  expect(rows.length).toBeGreaterThanOrEqual(projected ? 1 : 0);
});
