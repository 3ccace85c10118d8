// Where everything stands in the picture: a row for each layer, the highest on top, and below them
// the files that all import. An arrow over several layers has a way of its own through the rows
// between, so that it never crosses a box.

import type { Folder } from './folder.ts';

export const width = 1000;
export const columnWidth = 132;
export const lineHeight = 18;
export const headHeight = 28;
export const padding = 10;
const rowGap = 112;
const boxGap = 28;
const wayWidth = 18;
const portGap = 34;
/** With so few lines a box needs no further column. */
const linesEnough = 5;

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Box {
  readonly folder: Folder;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly columns: number;
}

export interface Arrow {
  readonly from: Folder;
  readonly count: number;
  /** Where it leaves its box; then for each gap between rows where it enters and leaves it. */
  readonly start: Point;
  readonly gaps: readonly (readonly [Point, Point])[];
}

export interface Layout {
  readonly boxes: readonly Box[];
  readonly arrows: readonly Arrow[];
  /** The files that all import, and how often each is imported. */
  readonly base: readonly { readonly name: string; readonly count: number }[];
  readonly baseY: number;
  readonly height: number;
}

/** What stands in a row: a folder, or the way of an arrow. */
interface Place {
  readonly folder: Folder | undefined;
  readonly above: Place[];
  readonly below: Place[];
  order: number;
  x: number;
  width: number;
}

interface Chain {
  readonly from: Folder;
  readonly count: number;
  readonly places: readonly Place[];
}

export function layOut(folders: readonly Folder[]): Layout {
  const base = folders.filter(({ isFile, layer }) => isFile && layer === 0);
  const others = folders.filter((folder) => !base.includes(folder));
  const rows = rowsOf(others);
  const chains = chainsOf(others, rows);
  arrange(rows);
  for (const row of rows) spread(row);
  const tops: number[] = [];
  let y = 1;
  for (const row of rows) {
    tops.push(y);
    y += rowHeight(row) + rowGap;
  }
  const boxes = rows.flatMap((row, at) =>
    row.filter(({ folder }) => folder !== undefined).map((place) => boxOf(place, tops[at]!)),
  );
  const baseY = y - rowGap + boxGap;
  return {
    boxes,
    arrows: chains.map((chain) => arrowOf(chain, rows, tops, boxes)),
    base: base.map(({ name }) => ({ name, count: importsOf(name, others) })),
    baseY,
    height: baseY + headHeight + lineHeight + 2 * padding + 1,
  };
}

function importsOf(name: string, folders: readonly Folder[]): number {
  return folders.reduce((sum, { imports }) => sum + (imports.get(name) ?? 0), 0);
}

/** The highest layer first. */
function rowsOf(folders: readonly Folder[]): Place[][] {
  const layers = [...new Set(folders.map(({ layer }) => layer))].sort((a, b) => b - a);
  return layers.map((layer) =>
    folders.filter((folder) => folder.layer === layer).map((folder) => placeOf(folder)),
  );
}

function placeOf(folder: Folder | undefined): Place {
  return { folder, above: [], below: [], order: 0, x: 0, width: wayWidth };
}

/** Adds the ways of long arrows to the rows, and joins what follows on each other. */
function chainsOf(folders: readonly Folder[], rows: Place[][]): Chain[] {
  const rowOf = (name: string) =>
    rows.findIndex((row) => row.some(({ folder }) => folder?.name === name));
  return folders.flatMap((from) =>
    [...from.imports].flatMap(([target, count]) => {
      const end = rowOf(target);
      if (end === -1) return [];
      const begin = rowOf(from.name);
      const find = (row: number, name: string) =>
        rows[row]!.find(({ folder }) => folder?.name === name)!;
      const ways = rows.slice(begin + 1, end).map((row) => {
        const way = placeOf(undefined);
        row.push(way);
        return way;
      });
      const places = [find(begin, from.name), ...ways, find(end, target)];
      for (const [at, place] of places.slice(1).entries()) {
        places[at]!.below.push(place);
        place.above.push(places[at]!);
      }
      return [{ from, count, places }];
    }),
  );
}

/** Orders each row by where its neighbours stand, down and up, and keeps the fewest crossings. */
function arrange(rows: Place[][]): void {
  const number = () => {
    for (const row of rows) for (const [at, place] of row.entries()) place.order = at / row.length;
  };
  number();
  let best = rows.map((row) => [...row]);
  let fewest = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 24; round += 1) {
    const side = round % 2 === 0 ? 'above' : 'below';
    for (const row of side === 'above' ? rows : [...rows].reverse()) {
      row.sort((a, b) => middle(a[side], a.order) - middle(b[side], b.order));
      for (const [at, place] of row.entries()) place.order = at / row.length;
    }
    const crossings = rows.reduce((sum, row) => sum + crossingsBelow(row), 0);
    if (crossings >= fewest) continue;
    fewest = crossings;
    best = rows.map((row) => [...row]);
  }
  for (const [at, row] of best.entries()) rows[at]!.splice(0, row.length, ...row);
  number();
}

function middle(places: readonly Place[], otherwise: number): number {
  if (places.length === 0) return otherwise;
  return places.reduce((sum, { order }) => sum + order, 0) / places.length;
}

function crossingsBelow(row: readonly Place[]): number {
  const arrows = row.flatMap((from) => from.below.map((to) => [from.order, to.order] as const));
  let count = 0;
  for (const [from, to] of arrows) {
    for (const other of arrows) if (other[0] > from && other[1] < to) count += 1;
  }
  return count;
}

/** Gives each place of a row its width and its left edge; what is left over is between them. */
function spread(row: readonly Place[]): void {
  const boxes = row.filter(({ folder }) => folder !== undefined);
  for (const place of boxes) place.width = Math.max(widthOf(1), widthMin(place));
  const widthMax = width - 2 - (row.length - 1) * boxGap;
  for (;;) {
    const [tallest] = boxes.toSorted((a, b) => linesOf(b) - linesOf(a));
    if (linesOf(tallest!) <= linesEnough) break;
    const wider = widthOf(columnsOf(tallest!) + 1);
    if (sumOf(row) - tallest!.width + wider > widthMax) break;
    tallest!.width = wider;
  }
  const gap = (width - 2 - sumOf(row)) / Math.max(1, row.length - 1);
  let x = row.length === 1 ? (width - sumOf(row)) / 2 : 1;
  for (const place of row) {
    place.x = x;
    x += place.width + gap;
  }
}

function sumOf(row: readonly Place[]): number {
  return row.reduce((sum, place) => sum + place.width, 0);
}

function widthOf(columns: number): number {
  return columns * columnWidth + 2 * padding;
}

/** Room for the name and the number of files, and for the arrows. */
function widthMin({ folder, above, below }: Place): number {
  const arrows = Math.max(above.length, below.length);
  const name = folder!.name.length * 10 + 2 * padding;
  return Math.max(name + (folder!.isFile ? 30 : 75), (arrows + 1) * portGap);
}

function rowHeight(row: readonly Place[]): number {
  return Math.max(...row.filter(({ folder }) => folder !== undefined).map(heightOf));
}

function heightOf(place: Place): number {
  return headHeight + (linesOf(place) === 0 ? 0 : linesOf(place) * lineHeight + 2 * padding);
}

function linesOf(place: Place): number {
  const { isFile, files } = place.folder!;
  return isFile ? 0 : Math.ceil(files.length / columnsOf(place));
}

function columnsOf(place: Place): number {
  return Math.max(1, Math.floor((place.width - 2 * padding) / columnWidth));
}

function boxOf(place: Place, y: number): Box {
  const { folder, x, width: boxWidth } = place;
  const box = { folder: folder!, x, y, width: boxWidth };
  return { ...box, height: heightOf(place), columns: columnsOf(place) };
}

function arrowOf(
  { from, count, places }: Chain,
  rows: readonly Place[][],
  tops: readonly number[],
  boxes: readonly Box[],
): Arrow {
  const gaps = places.slice(1).map((to, at): readonly [Point, Point] => {
    const above = places[at]!;
    const row = rows.findIndex((candidate) => candidate.includes(to));
    const bottom = tops[row - 1]! + rowHeight(rows[row - 1]!);
    return [
      { x: portOf(above, to, 'below'), y: bottom },
      { x: portOf(to, above, 'above'), y: tops[row]! },
    ];
  });
  const { y, height } = boxes.find(({ folder }) => folder === from)!;
  return { from, count, start: { x: gaps[0]![0].x, y: y + height }, gaps };
}

/** Where on the edge of a box the arrow to or from a neighbour is: in the order of these. */
function portOf(place: Place, neighbour: Place, side: 'above' | 'below'): number {
  const neighbours = [...place[side]].sort((a, b) => center(a) - center(b));
  const at = neighbours.indexOf(neighbour);
  const step = Math.min(portGap * 2, place.width / (neighbours.length + 1));
  return center(place) + (at - (neighbours.length - 1) / 2) * step;
}

function center(place: Place): number {
  return place.x + place.width / 2;
}
