/** The steady sender as a process of its own: the daemon's answers are not measured by whoever is busy breaking things. */
import { SteadySender, type SteadySenderOptions } from '../support/steady-sender.ts';
import { answerOrders } from './asked-process.ts';

/** What `startSender` asks; each is answered by one message. */
export type SenderOrder =
  | ({ readonly kind: 'start' } & SteadySenderOptions)
  | { readonly kind: 'enter'; readonly phase: string }
  | { readonly kind: 'counts' }
  | { readonly kind: 'finish' };

let sender: SteadySender | undefined;

answerOrders(async (order: SenderOrder) => {
  if (order.kind === 'start') sender = new SteadySender(order);
  if (order.kind === 'enter') sender?.enter(order.phase);
  if (order.kind === 'finish') return sender?.finish();
  return sender?.counts();
});
