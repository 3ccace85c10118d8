/**
 * Templates in the naive model: which fits a name best, by regular expressions and sorting.
 */
import type { ModelQueue } from './model.ts';

type Unconfigured = 'messages' | 'counters' | 'known' | 'pausesProduce' | 'pausesReceive';
export type ModelSettings = Omit<ModelQueue, Unconfigured>;

export function bestOf<T>(templates: ReadonlyMap<string, T>, name: string): T | undefined {
  const fitting = [...templates.keys()].filter((pattern) => expressionOf(pattern).test(name));
  const rank = (pattern: string) => {
    const literals = pattern.replaceAll('*', '').length;
    return `${9000 - literals} ${1000 + pattern.length} ${pattern}`;
  };
  const [best] = fitting.sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
  return best === undefined ? undefined : templates.get(best);
}

function expressionOf(pattern: string): RegExp {
  return new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '.*')}$`);
}
