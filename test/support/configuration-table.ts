/** What the schema of the environment says of each variable, and the README's table made from it. */
import { z } from 'zod';
import { FILE_VARIABLES, variables } from '../../src/config-variables.ts';

export interface VariableFacts {
  readonly name: string;
  /** As it would be written in the environment; undefined where there is none. */
  readonly defaultValue: string | undefined;
  readonly meaning: string;
}

export function variableFacts(): VariableFacts[] {
  return Object.entries(variables.shape).map(([name, schema]) => ({
    name,
    defaultValue: schema instanceof z.ZodDefault ? String(schema.def.defaultValue) : undefined,
    meaning: schema.description ?? '',
  }));
}

/** The rows under "## Configuration" in README.md. */
export function configurationTable(): string {
  const fileVariables: readonly string[] = FILE_VARIABLES;
  const rows = variableFacts().map(({ name, defaultValue, meaning }) => {
    const shown = defaultValue === undefined ? '' : `\`${defaultValue.replaceAll(',', ', ')}\``;
    const orFile = fileVariables.includes(name) ? `; also as \`${name}_FILE\`` : '';
    return `| \`${name}\` | ${shown} | ${meaning.replaceAll('|', '\\|')}${orFile} |`;
  });
  return ['| variable | default | meaning |', '| --- | --- | --- |', ...rows].join('\n');
}
