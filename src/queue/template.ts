/**
 * A template: settings for the queues of some names, taken when such a queue comes into being. What
 * a queue took is written down as its own, so that a template changes no queue that is there.
 */
import type { QueueSettings } from './queue.ts';
import type { State } from './state.ts';

export class Template {
  /** A queue name in which each `*` stands for any run of characters, also for none. */
  readonly pattern: string;
  readonly settings: QueueSettings;
  /** Where it stands in the log. */
  position: number;
  /** What stands between the `*`. */
  private readonly literals: readonly string[];

  constructor(pattern: string, settings: QueueSettings, position: number) {
    this.pattern = pattern;
    this.settings = settings;
    this.position = position;
    this.literals = pattern.split('*');
  }

  fits(name: string): boolean {
    const { literals } = this;
    const last = literals.length - 1;
    if (last === 0) return name === this.pattern;
    if (!name.startsWith(literals[0]!)) return false;
    let at = literals[0]!.length;
    for (let next = 1; next < last; next += 1) {
      const found = name.indexOf(literals[next]!, at);
      if (found < 0) return false;
      at = found + literals[next]!.length;
    }
    return name.length - literals[last]!.length >= at && name.endsWith(literals[last]!);
  }

  /** Whether it comes before another that fits the same name. */
  isBefore(other: Template): boolean {
    const more = this.literalCount - other.literalCount;
    if (more !== 0) return more > 0;
    const { pattern } = this;
    if (pattern.length !== other.pattern.length) return pattern.length < other.pattern.length;
    return pattern < other.pattern;
  }

  private get literalCount(): number {
    return this.pattern.length - (this.literals.length - 1);
  }
}

/** The one that fits a name best, if one does. */
export function templateFor(templates: Iterable<Template>, name: string): Template | undefined {
  let best: Template | undefined;
  for (const template of templates) {
    if (template.fits(name) && (best === undefined || template.isBefore(best))) best = template;
  }
  return best;
}

/** Returns how many queues that are there fit the pattern. */
export function setTemplate(state: State, pattern: string, settings: QueueSettings): number {
  const template = new Template(pattern, settings, 0);
  template.position = state.journal.templateSet(template);
  state.templates.set(pattern, template);
  let matches = 0;
  for (const queue of state.queuesByNumber.values()) if (template.fits(queue.name)) matches += 1;
  return matches;
}

/** Returns whether there was one. */
export function deleteTemplate(state: State, pattern: string): boolean {
  const isThere = state.templates.delete(pattern);
  if (isThere) state.journal.templateDeleted(pattern);
  return isThere;
}
