/** What was typed cannot be meant: another value, or another command, is needed, and trying again does not help. */
import { StartupError } from '../core/errors.ts';

/** Ends a command with exit code 2, as a fault that commander finds itself. */
export class UsageError extends StartupError {}
