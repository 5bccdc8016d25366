/** Standard output that takes no more: what was to be said is lost, and whoever runs the command has to know. */

/** Ends the process with exit code 1 and one line, or silently where whoever reads has seen enough, `head` for instance. */
export function endAtOutputFault(
  stdout: NodeJS.WriteStream,
  stderr: NodeJS.WriteStream,
  { readerMayLeave }: { readonly readerMayLeave: boolean },
): void {
  stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    if (code === 'EPIPE' && readerMayLeave) process.exit(0);
    stderr.write(`Standard output cannot be written: ${message}\n`);
    process.exit(1);
  });
}
