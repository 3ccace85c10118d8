// `npm run structure`: draws docs/structure.svg, the folders of src/ and who imports whom. A test
// fails when the picture is not that of the sources.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Source, source } from '../test/tidy/source.ts';
import { draw } from './structure/drawing.ts';
import { foldersOf } from './structure/folder.ts';
import { layOut } from './structure/layout.ts';

export const picturePath = join(import.meta.dirname, 'structure.svg');
const sourcePath = join(import.meta.dirname, '../src');

export function readSources(): Source[] {
  return readdirSync(sourcePath, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => source(`src/${path}`, readFileSync(join(sourcePath, path), 'utf8')));
}

export function pictureOf(sources: readonly Source[]): string {
  return draw(layOut(foldersOf(sources)));
}

if (process.argv[1] === import.meta.filename) {
  writeFileSync(picturePath, pictureOf(readSources()));
}
