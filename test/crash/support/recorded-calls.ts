// What `record-calls.c` has recorded of one life of a broker, call by call.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compileShim } from '../../support/shim.ts';

/** Paths are relative to the directory that was recorded. */
export type Call =
  | { readonly what: 'create' | 'mkdir' | 'unlink'; readonly path: string }
  | { readonly what: 'rename'; readonly from: string; readonly to: string }
  | {
      readonly what: 'write';
      readonly path: string;
      readonly offset: number;
      readonly bytes: Buffer;
    }
  | { readonly what: 'truncate'; readonly path: string; readonly length: number }
  /** It begins; of a file or a directory. */
  | { readonly what: 'sync'; readonly path: string; readonly number: number }
  /** The one of that number has succeeded. */
  | { readonly what: 'synced'; readonly number: number }
  /** To whoever is connected. */
  | { readonly what: 'sent'; readonly bytes: number };

/** As `compileShim`. */
export const compileRecorder = (directory: string) =>
  compileShim(join(import.meta.dirname, 'record-calls.c'), directory);

/** Empty where the process died before its first call. */
export function readCalls(path: string): Call[] {
  const record = readFileSync(path);
  const calls: Call[] = [];
  for (let at = 0; at < record.length; ) {
    const end = record.indexOf('\n', at);
    const [what = '', ...fields] = record.toString('utf8', at, end).split(' ');
    at = end + 1;
    const count = what === 'write' ? Number(fields[1]) : 0;
    calls.push(callOf(what, fields, record.subarray(at, at + count)));
    at += count;
  }
  return calls;
}

function callOf(what: string, fields: readonly string[], bytes: Buffer): Call {
  const [first = '', second = '', third = ''] = fields;
  switch (what) {
    case 'create':
    case 'mkdir':
    case 'unlink':
      return { what, path: first };
    case 'rename':
      return { what, from: first, to: second };
    case 'write':
      return { what, path: third, offset: Number(first), bytes };
    case 'truncate':
      return { what, path: second, length: Number(first) };
    case 'sync':
      return { what, path: second, number: Number(first) };
    case 'synced':
      return { what, number: Number(first) };
    case 'sent':
      return { what, bytes: Number(first) };
    default:
      throw new Error(`an unknown record: ${what} ${fields.join(' ')}`);
  }
}
