/**
 * `wonderq templates`: settings for queues to come whose name fits a pattern: list, set, delete.
 */
import type { Command } from 'commander';
import type { Client, TemplateInfo } from '../client/client.ts';
import { type BrokerFlags, withBroker, withClient } from './environment.ts';
import { addSettings, settingsOf } from './queues.ts';
import { counted, jsonLine, table, writeLine } from './text.ts';

interface Flags extends BrokerFlags {
  readonly json?: boolean;
}

export function addTemplates(program: Command): void {
  const templates = program
    .command('templates')
    .description('settings for queues to come, by a pattern of their names');
  withBroker(templates.command('list', { isDefault: true }))
    .description('all templates')
    .option('--json', 'one array')
    .action((flags: Flags) =>
      act(flags, async (client) => {
        const all = await client.templates();
        await writeLine(flags.json ? jsonLine(all) : templateTable(all));
      }),
    );
  addSettings(
    add(templates, 'set', 'make or replace a template; queues that are there stay'),
  ).action((pattern: string, flags: Flags) => {
    const settings = settingsOf(flags);
    return act(flags, async (client) => {
      const matches = await client.setTemplate(pattern, settings);
      const told = `set; ${counted(matches, 'queue')} of such a name there already`;
      await writeLine(flags.json ? jsonLine({ matches }) : told);
    });
  });
  add(templates, 'delete', 'remove a template; queues keep what they took').action(
    (pattern: string, flags: Flags) =>
      act(flags, async (client) => {
        await client.deleteTemplate(pattern);
        await writeLine(flags.json ? jsonLine({ deleted: pattern }) : 'deleted');
      }),
  );
}

function add(templates: Command, name: string, description: string): Command {
  return withBroker(templates.command(name))
    .description(description)
    .argument('<pattern>', 'a queue name in which * stands for any characters')
    .option('--json', 'as an object');
}

function act(flags: Flags, use: (client: Client) => Promise<void>): Promise<void> {
  return withClient(flags, { name: 'wonderq templates', session: true }, use);
}

function templateTable(templates: readonly TemplateInfo[]): string {
  const rows = templates.map(({ pattern, settings }) => {
    const set = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
    return [pattern, set.join(' ')];
  });
  return table([['PATTERN', 'SETTINGS'], ...rows]);
}
