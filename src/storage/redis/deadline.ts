/** Waits for an operation until a deadline; what it does afterwards is no longer of interest. */

/** How an operation ended. */
export type Outcome<T> =
  | { readonly kind: 'value'; readonly value: T }
  | { readonly kind: 'error'; readonly error: unknown }
  | { readonly kind: 'late' };

/** Turns a promise's end, or a synchronous throw, into a value. Never rejects. */
export async function outcomeOf<T>(operation: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { kind: 'value', value: await operation() };
  } catch (error) {
    return { kind: 'error', error };
  }
}

/** The outcome, or `late` if it has not come within the given milliseconds. */
export function withDeadline<T>(outcome: Promise<Outcome<T>>, milliseconds: number): Promise<Outcome<T>> {
  return new Promise((resolve) => {
    // When it was this process that was busy, the answer already lies in the socket, but timers run before sockets are
    // read. setImmediate comes after, and resolving what is resolved already does nothing.
    const timer = setTimeout(() => setImmediate(() => resolve({ kind: 'late' })), milliseconds);
    void outcome.then((inTime) => {
      clearTimeout(timer);
      resolve(inTime);
    });
  });
}
