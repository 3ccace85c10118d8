// The folders of the sources: their files, how many imports they have of each other, and the layer
// in which each stands: above all that it imports.

import { folderOf, type Source } from '../../test/tidy/source.ts';

export interface Folder {
  /** Of a folder of `src/`, or of a file that stands in `src/` itself. */
  readonly name: string;
  readonly isFile: boolean;
  /** Without `.ts`, relative to the folder, sorted. */
  readonly files: readonly string[];
  /** Name of another folder to the number of imports of its files. */
  readonly imports: ReadonlyMap<string, number>;
  /** 0 for what imports nothing. */
  readonly layer: number;
}

/** Sorted by name. */
export function foldersOf(sources: readonly Source[]): Folder[] {
  const names = [...new Set(sources.map(({ path }) => folderOf(path)))].sort();
  const imports = new Map(names.map((name) => [name, importsOf(name, sources)]));
  const layerOf = (name: string): number =>
    Math.max(-1, ...[...imports.get(name)!.keys()].map(layerOf)) + 1;
  return names.map((name) => {
    const own = sources.filter(({ path }) => folderOf(path) === name);
    const isFile = own.some(({ path }) => path === `src/${name}.ts`);
    const files = own.map(({ path }) => path.slice(`src/${name}/`.length, -'.ts'.length)).sort();
    return { name, isFile, files, imports: imports.get(name)!, layer: layerOf(name) };
  });
}

function importsOf(name: string, sources: readonly Source[]): Map<string, number> {
  const targets = sources
    .filter(({ path }) => folderOf(path) === name)
    .flatMap(({ imports }) => imports)
    .filter(({ isLocal }) => isLocal)
    .map(({ target }) => folderOf(target))
    .filter((target) => target !== name)
    .sort();
  const counts = new Map<string, number>();
  for (const target of targets) counts.set(target, (counts.get(target) ?? 0) + 1);
  return counts;
}
