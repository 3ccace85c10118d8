// Sizes, words and calls that the project keeps out of its sources. Every check takes sources and
// returns its violations, a line each.

import { basename } from 'node:path';
import ts from 'typescript';
import { lineOf, type Source, visit } from './source.ts';

type Check = (sources: readonly Source[]) => string[];

const functionLinesMax = 70;
const fileLinesMax = 400;
const columnsMax = 100;

export const functionLength: Check = (sources) =>
  eachNode(sources, (node, { tree }) => {
    if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return undefined;
    const end = tree.getLineAndCharacterOfPosition(node.getEnd()).line + 1;
    const lines = end - lineOf(tree, node) + 1;
    return lines > functionLinesMax ? `a function of ${lines} lines` : undefined;
  });

export const fileLength: Check = (sources) =>
  sources.flatMap(({ path, text }) => {
    const lines = text.trimEnd().split('\n').length;
    return lines > fileLinesMax ? [`${path}:1: a file of ${lines} lines`] : [];
  });

export const lineWidth: Check = (sources) =>
  eachLine(sources, (line) => {
    const columns = [...line].length;
    return columns > columnsMax ? `a line of ${columns} columns` : undefined;
  });

/** The rules of the queues depend on their arguments alone: no time, no chance, no waiting. */
export const impureRules: Check = (sources) => {
  const rules = sources.filter(({ path }) => path.startsWith('src/queue/'));
  return eachNode(rules, (node) => {
    if (waitingKinds.has(node.kind)) return 'async or await in a pure folder';
    const isRandom = ts.isPropertyAccessExpression(node) && node.getText() === 'Math.random';
    if (isRandom) return 'Math.random in a pure folder';
    return ts.isIdentifier(node) && impureNames.has(node.text) && !isPropertyName(node)
      ? `${node.text} in a pure folder`
      : undefined;
  });
};

// `await f()`, `for await`, `async`.
const waitingKinds = new Set([
  ts.SyntaxKind.AwaitExpression,
  ts.SyntaxKind.AwaitKeyword,
  ts.SyntaxKind.AsyncKeyword,
]);

const impureNames = new Set([
  'Date',
  'performance',
  'process',
  'queueMicrotask',
  'setImmediate',
  'setInterval',
  'setTimeout',
]);

/** Without a text, Node reads the source again to make one: seconds before the process can end. */
export const assertionTexts: Check = (sources) =>
  eachNode(sources, (node) => {
    if (!ts.isCallExpression(node)) return undefined;
    const called = node.expression.getText();
    if (called !== 'assert' && called !== 'assert.ok') return undefined;
    return node.arguments.length < 2 ? 'an assertion without a text' : undefined;
  });

/**
 * A call of `only` or `skip` with a title, because it leaves tests out unseen; a method that happens
 * to be called so, without one, is fine.
 */
export const testsLeftOut: Check = (sources) =>
  eachNode(sources, (node) => {
    if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) {
      return undefined;
    }
    const [title] = node.arguments;
    const name = node.expression.name.text;
    const isLeftOut = /^(only|skip)$/.test(name) && title && ts.isStringLiteralLike(title);
    return isLeftOut ? `.${name} is left in` : undefined;
  });

/** A plan belongs into an issue. */
export const openPlans: Check = (sources) => {
  const marks = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME'].join('|')})\\b`);
  return eachLine(sources, (line) => marks.exec(line)?.[0]);
};

const forbiddenWords = new Set(['job', 'task', 'topic', 'manager', 'helper', 'util', 'utils']);

/** Words that belong to other products, or that say nothing, name no file and no identifier. */
export const forbiddenNames: Check = (sources) => [
  ...sources.flatMap(({ path }) => {
    const word = forbiddenIn(basename(path));
    return word === undefined ? [] : [`${path}: named with the word ${word}`];
  }),
  ...eachNode(sources, (node) => {
    const word = ts.isIdentifier(node) ? forbiddenIn(node.text) : undefined;
    return word === undefined ? undefined : `named with the word ${word}`;
  }),
];

function forbiddenIn(name: string): string | undefined {
  const words = name.split(/[^A-Za-z]+|(?<=[a-z])(?=[A-Z])/).map((word) => word.toLowerCase());
  return words.find((word) => forbiddenWords.has(word) || forbiddenWords.has(word.slice(0, -1)));
}

function isPropertyName(node: ts.Identifier): boolean {
  const { parent } = node;
  return (
    (ts.isPropertyAccessExpression(parent) && parent.name === node) ||
    ((ts.isPropertyAssignment(parent) || ts.isPropertySignature(parent)) && parent.name === node)
  );
}

function eachNode(
  sources: readonly Source[],
  judge: (node: ts.Node, source: Source) => string | undefined,
): string[] {
  return sources.flatMap((one) => {
    const violations: string[] = [];
    visit(one.tree, (node) => {
      const violation = judge(node, one);
      if (violation !== undefined) {
        violations.push(`${one.path}:${lineOf(one.tree, node)}: ${violation}`);
      }
    });
    return violations;
  });
}

function eachLine(
  sources: readonly Source[],
  judge: (line: string) => string | undefined,
): string[] {
  return sources.flatMap(({ path, text }) =>
    text.split('\n').flatMap((line, index) => {
      const violation = judge(line);
      return violation === undefined ? [] : [`${path}:${index + 1}: ${violation}`];
    }),
  );
}
