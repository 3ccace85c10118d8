// One source file as the tidy checks see it: its path from the root of the repository, its text,
// its syntax tree and what it imports.

import { posix } from 'node:path';
import ts from 'typescript';

export interface Import {
  /** A path from the root for a file of the project, else the name of a package or `node:…`. */
  readonly target: string;
  readonly isLocal: boolean;
  /** Only of types, as a whole: the compiler takes it out. */
  readonly isErased: boolean;
  readonly line: number;
}

export interface Source {
  readonly path: string;
  readonly text: string;
  readonly tree: ts.SourceFile;
  readonly imports: readonly Import[];
}

export function source(path: string, text: string): Source {
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true);
  const imports: Import[] = [];
  visit(tree, (node) => {
    const specifier = importedBy(node);
    if (specifier === undefined) return;
    const isLocal = specifier.text.startsWith('.');
    const target = isLocal
      ? posix.join(posix.dirname(path), specifier.text)
      : packageOf(specifier.text);
    imports.push({ target, isLocal, isErased: isErased(node), line: lineOf(tree, specifier) });
  });
  return { path, text, tree, imports };
}

export function visit(node: ts.Node, see: (node: ts.Node) => void): void {
  see(node);
  ts.forEachChild(node, (child) => visit(child, see));
}

export function lineOf(tree: ts.SourceFile, node: ts.Node): number {
  return tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1;
}

/** `src/queue/queue.ts` is in `queue`, `src/limits.ts` in `limits`, `tui/view.ts` in `tui`. */
export function folderOf(path: string): string {
  const [top, next = ''] = path.split('/');
  return top === 'src' ? next.replace(/\.ts$/, '') : top!;
}

// `import`, `export … from` and `import('…')`, of types as well as of values.
function importedBy(node: ts.Node): ts.StringLiteralLike | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
    const specifier = node.moduleSpecifier;
    return specifier && ts.isStringLiteralLike(specifier) ? specifier : undefined;
  }
  if (ts.isImportTypeNode(node)) {
    const { argument } = node;
    return ts.isLiteralTypeNode(argument) && ts.isStringLiteralLike(argument.literal)
      ? argument.literal
      : undefined;
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    const [specifier] = node.arguments;
    return specifier && ts.isStringLiteralLike(specifier) ? specifier : undefined;
  }
  return undefined;
}

function isErased(node: ts.Node): boolean {
  if (ts.isImportDeclaration(node)) return node.importClause?.isTypeOnly ?? false;
  return ts.isExportDeclaration(node) ? node.isTypeOnly : ts.isImportTypeNode(node);
}

// `node:fs/promises` is `node:fs`, `@scope/name/part` is `@scope/name`.
function packageOf(specifier: string): string {
  const parts = specifier.split('/');
  return parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
}
