/**
 * Flags that are given or not, turned into values.
 */
import { UsageError } from './failure.ts';

/** The value of a flag, undefined where it was not given, or a refusal that names it. */
export function parsed<T>(
  flag: string,
  parse: (text: string) => T,
  text: string | undefined,
): T | undefined {
  if (text === undefined) return undefined;
  try {
    return parse(text);
  } catch (error) {
    throw new UsageError(`${flag} ${(error as Error).message}`);
  }
}
