/** How a rival that delivers is told what to do. */

type Order = 'load' | 'start' | 'settled';

/** Each order is answered when its promise resolves. */
export function obey(orders: Readonly<Record<Order, () => Promise<void>>>): void {
  process.on('message', (order: Order) => {
    orders[order]().then(
      () => process.send?.({ done: order }),
      (error: unknown) => process.send?.({ error: String(error) }),
    );
  });
  process.on('disconnect', () => process.exit(0));
  // Nobody connects to it.
  process.send?.({ port: 0 });
}
