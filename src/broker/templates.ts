/**
 * Templates of queue settings, as operators set, delete and list them.
 */
import { WonderqError } from '../errors.ts';
import { limits } from '../limits.ts';
import { isNamePattern } from '../protocol/names.ts';
import { settingNames } from '../protocol/queue-settings.ts';
import { deleteTemplate, setTemplate, type Template } from '../queue/template.ts';
import { type Arguments, badField, text, whole } from './arguments.ts';
import type { Core } from './core.ts';
import { checkSettings, settingsOf } from './given-settings.ts';

/** Returns how many queues that are there fit the pattern. */
export function addTemplate({ state }: Core, args: Arguments): number {
  const pattern = patternOf(args);
  if (!isNamePattern(pattern)) throw badField('pattern', 'matches no name that a queue may have');
  const settings = settingsOf(args);
  // A pattern without a `*` is the name of its one queue.
  checkSettings(state, pattern, settings);
  if (!state.templates.has(pattern) && state.templates.size >= limits.templatesMax) {
    throw badField('pattern', `is one too many: there are ${limits.templatesMax} templates`);
  }
  return setTemplate(state, pattern, settings);
}

export function removeTemplate({ state }: Core, args: Arguments): number {
  if (deleteTemplate(state, patternOf(args))) return 0;
  throw new WonderqError('TEMPLATE_NOT_FOUND', undefined, { field: 'pattern' });
}

/** A page of them by pattern, after the pattern `after`. */
export function listTemplates({ state }: Core, args: Arguments) {
  const after = text(args, 'after') ?? '';
  const limit = whole(args, 'limit', 1, 1000, 100);
  const patterns = [...state.templates.keys()].filter((pattern) => pattern > after).sort();
  const page = patterns.slice(0, limit).map((pattern) => state.templates.get(pattern)!);
  return { templates: page.map(described), more: patterns.length > limit };
}

function described({ pattern, settings }: Template) {
  const set = settingNames.filter((name) => settings[name] !== undefined);
  return { pattern, settings: Object.fromEntries(set.map((name) => [name, settings[name]])) };
}

function patternOf(args: Arguments): string {
  const pattern = text(args, 'pattern');
  if (pattern === undefined) throw badField('pattern', 'must be a str');
  return pattern;
}
