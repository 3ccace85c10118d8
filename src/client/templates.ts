/**
 * Templates of queue settings, as a client sets, deletes and lists them.
 */
import { isNamePattern } from '../protocol/names.ts';
import { administer, settingsOf } from './administration.ts';
import { badField } from './checks.ts';
import type { Connection } from './connection.ts';
import { forCaller } from './failure.ts';
import type { Settings } from './options.ts';

const PAGE_TEMPLATES = 1000;

export interface TemplateInfo {
  readonly pattern: string;
  /** Those that it sets. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** Resolves to how many queues that are there fit the pattern. */
export async function setTemplate(
  connection: Connection,
  pattern: string,
  settings: Settings,
): Promise<number> {
  try {
    checkPattern(pattern);
    const fields = { pattern, settings: settingsOf(settings) };
    return Number((await administer(connection, 'template.set', fields)).matches);
  } catch (error) {
    throw forCaller(error);
  }
}

export async function deleteTemplate(connection: Connection, pattern: string): Promise<void> {
  try {
    checkPattern(pattern);
    await administer(connection, 'template.delete', { pattern });
  } catch (error) {
    throw forCaller(error);
  }
}

export async function allTemplates(connection: Connection): Promise<TemplateInfo[]> {
  try {
    const all: TemplateInfo[] = [];
    for (;;) {
      const fields = { after: all.at(-1)?.pattern, limit: PAGE_TEMPLATES };
      const { templates, more } = await administer(connection, 'templates', fields);
      const page = Array.isArray(templates) ? (templates as TemplateInfo[]) : [];
      all.push(...page);
      if (more !== true || page.length === 0) return all;
    }
  } catch (error) {
    throw forCaller(error);
  }
}

function checkPattern(pattern: string): void {
  if (typeof pattern !== 'string' || !isNamePattern(pattern)) {
    throw badField('pattern', 'matches no name that a queue may have');
  }
}
