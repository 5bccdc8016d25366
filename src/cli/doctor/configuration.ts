/** Checks the environment: every fault of it, as the daemon itself would state them. */
import { type Config, loadConfig } from '../../config.ts';
import { StartupError } from '../../core/errors.ts';
import { describeMisspelt, misspeltVariables } from '../../misspelt-variables.ts';
import { type Finding, fault, ok, warning } from './finding.ts';

export type Environment = Parameters<typeof loadConfig>[0];

export interface ConfigurationCheck {
  /** Null if it has faults: then there is nothing that the other checks could go by. */
  readonly config: Config | null;
  readonly findings: readonly Finding[];
}

export function checkConfiguration(environment: Environment): ConfigurationCheck {
  const misspelt = misspeltVariables(environment).map((variable) => warning(describeMisspelt(variable)));
  try {
    const config = loadConfig(environment);
    const valid = ok(`valid: NODE_ENV=${config.NODE_ENV}, ROLE=${config.ROLE}`);
    return { config, findings: [valid, ...remarks(config), ...misspelt] };
  } catch (error) {
    if (!(error instanceof StartupError)) throw error;
    const faults = error.message.split('\n').flatMap((line) => /^ {2}- (.*)/.exec(line)?.[1] ?? []);
    const findings = faults.map((text) => fault(text));
    findings.push(...misspelt);
    return { config: null, findings: [...findings, warning('The other checks are left out until this is corrected.')] };
  }
}

/** What is valid and yet hardly meant. */
function remarks({ ROLE, DATABASE_URL }: Config): Finding[] {
  if (ROLE === 'all' || DATABASE_URL !== undefined) return [];
  const text = `ROLE=${ROLE} without DATABASE_URL: the private PostgreSQL serves this process alone`;
  return [warning(text, 'Set DATABASE_URL to a PostgreSQL that every process reaches, or ROLE=all.')];
}
