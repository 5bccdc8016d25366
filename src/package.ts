/** What package.json says of this build. It lies one level above `src`, and above `dist`. */
import { readFileSync } from 'node:fs';

const { name, version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  name: string;
  version: string;
};

export const SERVICE = name;
export const VERSION = version;
