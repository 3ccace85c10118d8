// Holds docs/reliability.md to its word: every row says `planned`, or names tests that are there, in
// files that speak of that row by its number.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const root = join(import.meta.dirname, '..');
const table = readFileSync(join(root, 'docs/reliability.md'), 'utf8');

/** What a comment says is no title of a test. */
const comment = /^\s*\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm;

/** What is wrong with the rows of a table in the form of docs/reliability.md, a line each. */
function problems(text: string, read: (path: string) => string | undefined): string[] {
  const rows = text.split('\n').filter((line) => /^\| E\d+ \|/.test(line));
  return rows.flatMap((row, index) => {
    const [number, event, behaviour, shownBy] = row
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim());
    if (number !== `E${index + 1}`) return [`${number} stands in place ${index + 1}`];
    if (!event || !behaviour || !shownBy) return [`${number} has an empty or a missing column`];
    return shownBy === 'planned' ? [] : testProblems(number, shownBy, read);
  });
}

/** Of one row: its tests, and what of it is still planned, with semicolons between them. */
function testProblems(
  number: string,
  shownBy: string,
  read: (path: string) => string | undefined,
): string[] {
  const entries = shownBy.split('; ').filter((entry) => !entry.startsWith('planned: '));
  if (entries.length === 0) return [`${number} is neither planned nor names a test file`];
  return entries.flatMap((entry) => {
    const [, path, title] = entry.match(/^`(test\/[\w/-]+\.test\.ts)`: (.+)$/) ?? [];
    if (path === undefined || title === undefined) return [`${number} names no test: ${entry}`];
    const content = read(path);
    if (content === undefined) return [`${number} names ${path}, which is not there`];
    if (!content.replaceAll(comment, '').includes(title))
      return [`${number} names a test not in ${path}: ${title}`];
    return new RegExp(`\\b${number}\\b`).test(content)
      ? []
      : [`${number} names ${path}, which does not mention it`];
  });
}

const row = (number: string, shownBy: string) => `| ${number} | event | behaviour | ${shownBy} |`;
const torn = `
/** Torn tails. */
test('E1: a torn tail'); // Rows E1 and E7.
`;
const read = (path: string) => (path === 'test/log/torn.test.ts' ? torn : undefined);

test('a row is planned, or its test is there and mentions it', () => {
  const shown = '`test/log/torn.test.ts`: E1: a torn tail';
  const good = [row('E1', `${shown}; planned: the rest; ${shown}`), row('E2', 'planned')];
  assert.equal(problems(good.join('\n'), read), []);
});

test('anything else is a problem', () => {
  const rows = [
    row('E1', 'shown somewhere'),
    row('E2', '`test/log/torn.test.ts`: a torn tail'),
    row('E3', '`test/log/gone.test.ts`: a torn tail'),
    row('E4', ''),
    row('E5', 'planned: all of it'),
    row('E6', '`test/log/torn.test.ts`: a whole tail'),
    row('E7', '`test/log/torn.test.ts`: Rows E1 and E7.'),
    row('E8', '`test/log/torn.test.ts`: Torn tails.'),
    row('E10', 'planned'),
  ];
  assert.equal(problems(rows.join('\n'), read), [
    'E1 names no test: shown somewhere',
    'E2 names test/log/torn.test.ts, which does not mention it',
    'E3 names test/log/gone.test.ts, which is not there',
    'E4 has an empty or a missing column',
    'E5 is neither planned nor names a test file',
    'E6 names a test not in test/log/torn.test.ts: a whole tail',
    'E7 names a test not in test/log/torn.test.ts: Rows E1 and E7.',
    'E8 names a test not in test/log/torn.test.ts: Torn tails.',
    'E10 stands in place 9',
  ]);
});

test('docs/reliability.md keeps its word', () => {
  assert.ok(/^\| E1 \|/m.test(table), 'the table has rows');
  const found = problems(table, (path) => {
    const file = join(root, path);
    return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
  });
  assert.equal(found, []);
});

test.run();
