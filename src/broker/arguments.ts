/**
 * Arguments of a verb: plain values from the wire, read by name, or a refusal that names the field.
 */
import { WonderqError } from '../errors.ts';
import { isQueueName } from '../protocol/names.ts';

export type Arguments = Readonly<Record<string, unknown>>;

export function isWhole(value: unknown, least: number, most: number): value is number {
  return Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most;
}

export function name(args: Arguments, field = 'queue'): string {
  const value = args[field];
  if (typeof value !== 'string') throw badField(field, 'must be a str');
  if (isQueueName(value)) return value;
  throw new WonderqError('BAD_NAME', undefined, { field });
}

export function text(args: Arguments, field: string): string | undefined {
  const value = args[field] ?? undefined;
  if (value === undefined || typeof value === 'string') return value;
  throw badField(field, 'must be a str');
}

/** Without a `fallback` it must be given. */
export function whole(
  args: Arguments,
  field: string,
  least: number,
  most: number,
  fallback?: number,
): number {
  const value = args[field] ?? fallback;
  if (isWhole(value, least, most)) return value;
  throw badField(field, `must be ${least} to ${most}`);
}

export function flag(args: Arguments, field: string, fallback: boolean): boolean {
  const value = args[field] ?? fallback;
  if (typeof value === 'boolean') return value;
  throw badField(field, 'must be a bool');
}

export function badField(field: string, what: string): WonderqError {
  return new WonderqError('BAD_REQUEST', `${field} ${what}`, { field });
}
