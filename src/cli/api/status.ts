/** `webhook-gateway status`: how the gateway is doing. */
import type { Command } from 'commander';
import { withExamples } from './options.ts';
import type { OpenSession } from './session.ts';

export function addStatus(program: Command, open: OpenSession): void {
  const status = program
    .command('status')
    .description('How the gateway is doing: what waits, what is dead, what is away.')
    .action(async (_options: unknown, command: Command) => {
      const { api, out } = open(command);
      out.record(await api.get<object>('/status'));
    });
  withExamples(status, [
    ['status'],
    ['status --url https://gateway.example.com --key-file ~/.gateway-key'],
    ['status --json | jq .deliveries.dead'],
  ]);
}
