/**
 * Queue names and patterns of them: what is allowed; and strings for name bytes without making a
 * new string each time. The broker meets the same few names hundreds of thousands of times a
 * second.
 */
import { limits } from '../limits.ts';

const SLOTS = 512;
const PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
const NAME_PATTERN = /^[A-Za-z0-9*][A-Za-z0-9._*-]*$/;

/** Whether a text is an allowed queue name. */
export function isQueueName(text: string): boolean {
  return text.length <= limits.nameBytesMax && PATTERN.test(text);
}

/** Whether there is an allowed queue name that fits this pattern, with `*` for any characters. */
export function isNamePattern(text: string): boolean {
  return text.length <= limits.nameBytesMax && NAME_PATTERN.test(text);
}

/** Remembers one name a slot; a slot goes to whoever came last, so that memory stays bounded. */
export class NameCache {
  readonly #names: string[] = new Array<string>(SLOTS).fill('');

  /** The name that the bytes spell, or undefined where it is not allowed. */
  read(buffer: Buffer, start: number, end: number): string | undefined {
    const length = end - start;
    if (length === 0 || length > limits.nameBytesMax) return undefined;
    const slot = slotOf(buffer, start, end);
    const remembered = this.#names[slot]!;
    if (remembered.length === length && spells(remembered, buffer, start)) return remembered;
    const name = buffer.toString('latin1', start, end);
    if (!PATTERN.test(name)) return undefined;
    this.#names[slot] = name;
    return name;
  }
}

/** Names differ most at their ends. */
function slotOf(buffer: Buffer, start: number, end: number): number {
  let hash = end - start;
  for (let at = Math.max(start, end - 6); at < end; at += 1) hash = (hash * 31 + buffer[at]!) | 0;
  return (hash ^ (hash >>> 9)) & (SLOTS - 1);
}

function spells(name: string, buffer: Buffer, start: number): boolean {
  for (let index = 0; index < name.length; index += 1) {
    if (name.charCodeAt(index) !== buffer[start + index]) return false;
  }
  return true;
}
