/** What must not outlive the tests' process: for a test that fails, is cut short, or takes too long. */

const clearings = new Set<() => void>();

// vitest ends its workers by SIGTERM, and then `exit` never comes.
for (const event of ['exit', 'SIGTERM', 'SIGINT'] as const) {
  process.once(event, () => {
    for (const clear of clearings) attempt(clear);
    clearings.clear();
    if (event !== 'exit') process.kill(process.pid, event);
  });
}

/** What cannot be cleared must not keep the rest from being cleared. */
function attempt(clear: () => void): void {
  try {
    clear();
  } catch (error) {
    console.error(error);
  }
}

/**
 * Calls `clear`, which must do its work before it returns, when this process ends in any way but by SIGKILL. The function
 * returned takes it back.
 */
export function atExit(clear: () => void): () => void {
  clearings.add(clear);
  return () => void clearings.delete(clear);
}
