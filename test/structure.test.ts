// The picture in docs/architecture.md: made from the imports, and that of the sources as they are.

import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { foldersOf } from '../docs/structure/folder.ts';
import { type Box, layOut } from '../docs/structure/layout.ts';
import { pictureOf, picturePath, readSources } from '../docs/structure.ts';
import { source } from './tidy/source.ts';

const sources = readSources();

const small = [
  source('src/limits.ts', ''),
  source('src/low/a.ts', "import '../limits.ts'; import './b.ts';"),
  source('src/low/b.ts', ''),
  source('src/other/a.ts', "import '../limits.ts'; import 'node:fs';"),
  source('src/high/a.ts', "import type { A } from '../low/a.ts'; import '../other/a.ts';"),
  source('src/high/deep/b.ts', "import '../../low/a.ts';"),
  source('src/index.ts', "export * from './high/a.ts'; export * from './low/a.ts';"),
];

test('a folder stands above all that it imports, and imports are counted', () => {
  const folders = foldersOf(small).map(({ name, layer, files, imports }) => [
    name,
    layer,
    files.join(' '),
    Object.fromEntries(imports),
  ]);
  assert.equal(folders, [
    ['high', 2, 'a deep/b', { low: 2, other: 1 }],
    ['index', 3, '', { high: 1, low: 1 }],
    ['limits', 0, '', {}],
    ['low', 1, 'a b', { limits: 1 }],
    ['other', 1, 'a', { limits: 1 }],
  ]);
});

test('what all import is below, everything else has an arrow', () => {
  const { arrows, base, boxes } = layOut(foldersOf(small));
  assert.equal(base, [{ name: 'limits', count: 2 }]);
  const counts = arrows.map(({ from, count, gaps }) => `${from.name} ${count} ${gaps.length}`);
  assert.equal(counts, ['high 2 1', 'high 1 1', 'index 1 1', 'index 1 2']);
  assert.is(boxes.length, 4);
});

function overlap(one: Box, other: Box): boolean {
  const isBeside = one.x + one.width <= other.x || other.x + other.width <= one.x;
  const isAbove = one.y + one.height <= other.y || other.y + other.height <= one.y;
  return !isBeside && !isAbove;
}

test('no boxes overlap, and no arrow passes through one', () => {
  const { arrows, boxes } = layOut(foldersOf(sources));
  for (const one of boxes) {
    assert.ok(one.x >= 0 && one.x + one.width <= 1000, one.folder.name);
    assert.not(boxes.some((other) => one !== other && overlap(one, other)));
  }
  const straights = arrows.flatMap(({ gaps }) =>
    gaps.slice(1).map(([from], at) => ({ x: from.x, top: gaps[at]![1].y, bottom: from.y })),
  );
  for (const { x, top, bottom } of straights) {
    const isIn = (box: Box) => x >= box.x && x <= box.x + box.width;
    assert.not(boxes.some((box) => isIn(box) && box.y < bottom && box.y + box.height > top));
  }
  assert.ok(straights.length > 0);
});

test('the same sources give the same picture', () => {
  assert.is(pictureOf(sources.toReversed()), pictureOf(sources));
});

test('docs/structure.svg is that of the sources', () => {
  const isCurrent = readFileSync(picturePath, 'utf8') === pictureOf(sources);
  assert.ok(isCurrent, 'it is not: `npm run structure` draws it again');
});

test.run();
