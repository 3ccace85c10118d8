// A layout as SVG. Boxes have a ground of their own and arrows a middle tone, so that the picture
// can be read on a light page and on a dark one.

import {
  type Arrow,
  type Box,
  headHeight,
  type Layout,
  lineHeight,
  type Point,
  padding,
  width,
} from './layout.ts';

const colors = [
  '#b8731f',
  '#2f8f5b',
  '#3a77c2',
  '#74808d',
  '#1f8f8f',
  '#8560c4',
  '#c4524e',
  '#b85590',
  '#7f8a1f',
];
const baseColor = '#74808d';
const ground = '#fbfcfe';
const ink = '#24292f';
const font = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif";
const headSize = 8;
/** Of the straight end of an arrow. */
const endHeight = 34;

export function draw({ boxes, arrows, base, baseY, height }: Layout): string {
  const names = boxes.map(({ folder }) => folder.name).sort();
  const colorOf = (name: string) => colors[names.indexOf(name) % colors.length]!;
  const colored = arrows.map((arrow) => [arrow, colorOf(arrow.from.name)] as const);
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${round(height)}"`,
    ` width="${width}" height="${round(height)}"`,
    ` font-family="${font}" font-size="13" fill="${ink}">`,
    '<title>The folders of src/ and who imports whom</title>',
    ...colored.map(([arrow, color]) => lineOf(arrow, color)),
    ...boxes.flatMap((box) => boxLines(box, colorOf(box.folder.name))),
    ...colored.flatMap(([arrow, color]) => endLines(arrow, color)),
    ...baseLines(base, baseY),
    '</svg>',
  ];
  return `${lines.join('\n')}\n`;
}

function lineOf({ count, start, gaps }: Arrow, color: string): string {
  const path = gaps.map(([from, to], at) => {
    // The last piece is straight, where the number is.
    const end = at === gaps.length - 1 ? { x: to.x, y: to.y - endHeight } : to;
    const half = (from.y + end.y) / 2;
    const bends = `C${point({ x: from.x, y: half })} ${point({ x: end.x, y: half })}`;
    return `L${point(from)} ${bends} ${point(end)}`;
  });
  const last = `V${round(gaps.at(-1)![1].y - headSize)}`;
  const thickness = round(1.2 + Math.log2(count) / 3);
  const d = `M${point(start)} ${path.join(' ')} ${last}`;
  return `<path d="${d}" fill="none" stroke="${color}" stroke-width="${thickness}"/>`;
}

/** The head of an arrow, and the number of imports on it. */
function endLines({ count, gaps }: Arrow, color: string): string[] {
  const { x, y } = gaps.at(-1)![1];
  const half = headSize / 1.6;
  const corners = [
    { x, y },
    { x: x - half, y: y - headSize },
    { x: x + half, y: y - headSize },
  ];
  const pill = { width: 12 + 7.5 * String(count).length, height: 17 };
  const middle = y - headSize - 14;
  return [
    `<polygon points="${corners.map(point).join(' ')}" fill="${color}"/>`,
    rectangle({ x: x - pill.width / 2, y: middle - pill.height / 2, ...pill }, ground, color, 8.5),
    text({ x, y: middle + 4.5 }, String(count), 'text-anchor="middle" font-size="12.5"'),
  ];
}

function boxLines(box: Box, color: string): string[] {
  const { folder, x, y, columns } = box;
  const { isFile, files, name } = folder;
  const perColumn = Math.ceil(files.length / columns);
  const title = isFile ? `${name}.ts` : `${name}/`;
  const count = isFile ? '' : `${files.length} files`;
  const right = 'text-anchor="end" fill="#ffffff" font-size="12.5"';
  return [
    rectangle(box, ground, color, 7),
    headOf(box, color, isFile),
    text({ x: x + padding, y: y + 19.5 }, title, 'font-weight="700" font-size="15" fill="#ffffff"'),
    text({ x: x + box.width - padding, y: y + 19 }, count, right),
    ...(isFile ? [] : files).map((file, at) =>
      text(
        {
          x: x + padding + Math.floor(at / perColumn) * ((box.width - 2 * padding) / columns),
          y: y + headHeight + padding + 13 + (at % perColumn) * lineHeight,
        },
        file,
      ),
    ),
  ].filter((line) => line !== '');
}

/** The colored part of a box: round on top, and below where there is nothing else. */
function headOf({ x, y, width: boxWidth, height }: Box, color: string, isWhole: boolean): string {
  const head = { x, y, width: boxWidth, height: isWhole ? height : headHeight };
  if (isWhole) return rectangle(head, color, color, 7);
  const right = x + boxWidth;
  const bottom = round(y + headHeight);
  const upwards = `M${round(x)},${bottom} V${round(y + 7)}`;
  const left = `${upwards} Q${point({ x, y })} ${point({ x: x + 7, y })}`;
  const corner = `Q${point({ x: right, y })} ${point({ x: right, y: y + 7 })}`;
  const outline = `${left} H${round(right - 7)} ${corner} V${bottom} Z`;
  return `<path d="${outline}" fill="${color}"/>`;
}

function baseLines(base: Layout['base'], y: number): string[] {
  const height = headHeight + lineHeight + 2 * padding;
  const bar = { x: 1, y, width: width - 2, height };
  const step = bar.width / base.length;
  const middle = 'text-anchor="middle"';
  return [
    rectangle(bar, ground, baseColor, 7),
    ...base.flatMap(({ name, count }, at) => {
      const x = bar.x + step * (at + 0.5);
      return [
        text({ x, y: y + 28 }, `${name}.ts`, `${middle} font-weight="700" font-size="15"`),
        text({ x, y: y + 48 }, `imported ${count} times`, middle),
      ];
    }),
  ];
}

interface Rectangle extends Point {
  readonly width: number;
  readonly height: number;
}

function rectangle(at: Rectangle, fill: string, stroke: string, radius: number): string {
  const size = `width="${round(at.width)}" height="${round(at.height)}" rx="${radius}"`;
  const paint = `fill="${fill}" stroke="${stroke}" stroke-width="1.5"`;
  return `<rect x="${round(at.x)}" y="${round(at.y)}" ${size} ${paint}/>`;
}

function text({ x, y }: Point, content: string, attributes = ''): string {
  if (content === '') return '';
  const place = `x="${round(x)}" y="${round(y)}"`;
  return `<text ${place}${attributes === '' ? '' : ` ${attributes}`}>${content}</text>`;
}

function point({ x, y }: Point): string {
  return `${round(x)},${round(y)}`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
