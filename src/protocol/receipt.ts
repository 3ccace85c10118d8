/**
 * A receipt as text, `ID-TOKEN` in decimal: for command lines, HTTP and logs. On the wire it is two
 * integers.
 */
import { WonderqError } from '../errors.ts';
import type { Receipt } from './requests.ts';

const PATTERN = /^(0|[1-9][0-9]{0,15})-(0|[1-9][0-9]{0,15})$/;

export function formatReceipt(id: number, token: number): string {
  return `${id}-${token}`;
}

export function parseReceipt(text: string): Receipt {
  const match = PATTERN.exec(text);
  const id = Number(match?.[1]);
  const token = Number(match?.[2]);
  if (!Number.isSafeInteger(id) || !Number.isSafeInteger(token)) {
    throw new WonderqError('BAD_REQUEST', 'a receipt is two numbers with a hyphen between', {
      field: 'receipt',
    });
  }
  return { id, token };
}
