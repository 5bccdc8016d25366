/** Ctrl-C ends the work of a command and not its process, which may have an embedded server to stop first. */

/** Aborts at SIGINT and SIGTERM, with the name of the signal as its reason. */
export function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => controller.abort(name));
  return controller.signal;
}
