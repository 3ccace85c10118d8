// Who may import whom. Every check takes sources and returns its violations, a line each.

import { folderOf, type Import, type Source } from './source.ts';

type Check = (sources: readonly Source[]) => string[];

const roots = ['limits', 'errors', 'config'];
const below = { queue: ['queue'], protocol: ['protocol', 'queue'] };

/** Folder (or file of `src/`) to what it may import; `cli` and `index` may import everything. */
const directions: Readonly<Record<string, readonly string[]>> = {
  limits: [],
  errors: [],
  config: [],
  queue: [...below.queue, ...roots],
  log: ['log', ...roots],
  protocol: [...below.protocol, ...roots],
  broker: ['broker', 'log', ...below.protocol, ...roots],
  server: ['server', 'broker', 'log', ...below.protocol, ...roots],
  client: ['client', 'protocol', ...roots],
  http: ['http', 'client', ...roots],
  tui: ['tui', 'index'],
};

const unrestricted = ['cli', 'index'];

/** Imports run one way. */
export const importDirections: Check = (sources) =>
  eachImport(sources, ({ path }, { target, isLocal }) => {
    const folder = folderOf(path);
    if (!isLocal || unrestricted.includes(folder)) return undefined;
    const allowed = directions[folder];
    if (allowed === undefined) return `${folder} has no place in the order of imports`;
    if (allowed.includes(folderOf(target))) return undefined;
    return `${folder} must not import ${target}`;
  });

interface Restriction {
  readonly what: RegExp;
  readonly within: RegExp;
  readonly allowed: RegExp;
}

/** Packages and parts of Node that only some files may import. */
const restrictions: readonly Restriction[] = [
  { within: /^src\/queue\//, what: /./, allowed: /^node:assert$/ },
  { within: /^src\/protocol\//, what: /./, allowed: /^(node:(assert|buffer)|msgpackr)$/ },
  { within: /^src\/log\/(?!disk\.ts|directory-lock\.ts)/, what: /^node:fs$/, allowed: /^$/ },
  { within: /^src\/(?!protocol\/)|^tui\//, what: /^msgpackr$/, allowed: /^$/ },
  { within: /^src\//, what: /^blessed$/, allowed: /^$/ },
];

/** The pure folders import no I/O, and the log sees the file system in its own two files only. */
export const restrictedImports: Check = (sources) =>
  eachImport(sources, ({ path }, { target, isLocal }) => {
    const isBroken = ({ within, what, allowed }: Restriction) =>
      within.test(path) && what.test(target) && !allowed.test(target);
    return !isLocal && restrictions.some(isBroken) ? `must not import ${target}` : undefined;
  });

/** Packages that have traps are imported by one file, which knows them. */
export function singleImports(sources: readonly Source[], packages: readonly string[]): string[] {
  return packages.flatMap((name) => {
    const importers = sources.filter(({ imports }) =>
      imports.some(({ target }) => target === name),
    );
    if (importers.length === 1) return [];
    const paths = importers.map(({ path }) => path).join(', ') || 'no file';
    return [`${name} must be imported by exactly one file, not by ${paths}`];
  });
}

/** No file imports itself, over whatever way. Types may refer to each other. */
export const importCycles: Check = (sources) => {
  const byPath = new Map(sources.map((one) => [one.path, one]));
  const finished = new Set<string>();
  const violations: string[] = [];
  const follow = (path: string, way: readonly string[]): void => {
    if (way.includes(path)) {
      violations.push([...way.slice(way.indexOf(path)), path].join(' -> '));
    } else if (!finished.has(path)) {
      const imports = byPath.get(path)?.imports.filter(({ isErased }) => !isErased);
      for (const next of localTargets(imports)) follow(next, [...way, path]);
      finished.add(path);
    }
  };
  for (const { path } of sources) follow(path, []);
  return violations;
};

/** Every file is reached from one of the roots. */
export function deadFiles(sources: readonly Source[], from: readonly string[]): string[] {
  const byPath = new Map(sources.map((one) => [one.path, one]));
  const reached = new Set<string>();
  const waiting = [...from];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (reached.has(path)) continue;
    reached.add(path);
    waiting.push(...localTargets(byPath.get(path)?.imports));
  }
  return sources
    .filter(({ path }) => !reached.has(path))
    .map(({ path }) => `${path}: nothing imports it`);
}

function localTargets(imports: readonly Import[] = []): string[] {
  return imports.filter(({ isLocal }) => isLocal).map(({ target }) => target);
}

function eachImport(
  sources: readonly Source[],
  judge: (source: Source, imported: Import) => string | undefined,
): string[] {
  return sources.flatMap((one) =>
    one.imports.flatMap((imported) => {
      const violation = judge(one, imported);
      return violation === undefined ? [] : [`${one.path}:${imported.line}: ${violation}`];
    }),
  );
}
