/** The steady sender as a process of its own: the daemon's answers are not measured by whoever is busy breaking things. */
import { SteadySender, type SteadySenderOptions } from '../support/steady-sender.ts';

/** What `startSender` asks; each is answered by one message. */
export type SenderOrder =
  | ({ readonly kind: 'start' } & SteadySenderOptions)
  | { readonly kind: 'enter'; readonly phase: string }
  | { readonly kind: 'counts' }
  | { readonly kind: 'finish' };

let sender: SteadySender | undefined;

async function obey(order: SenderOrder): Promise<unknown> {
  if (order.kind === 'start') sender = new SteadySender(order);
  if (order.kind === 'enter') sender?.enter(order.phase);
  if (order.kind === 'finish') return sender?.finish();
  return sender?.counts();
}

process.on('message', async ({ id, order }: { id: number; order: SenderOrder }) => {
  process.send?.({ id, answer: await obey(order) });
});
process.on('disconnect', () => process.exit(0));
