/**
 * Text for people and scripts: lines on standard output, bodies made harmless, JSON.
 */
import { isUtf8 } from 'node:buffer';
import type { Delivery } from '../client/client.ts';

/** Control characters, line separators, and what changes the direction of text. */
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u;
const ALL_UNSAFE = new RegExp(UNSAFE, 'gu');

/** Writes a line; resolves when the system has taken it. */
export function writeLine(line: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(`${line}\n`, (error) => (error ? reject(error) : resolve()));
  });
}

/** Text of others in one line, as it is but for what a terminal would obey. */
export function harmless(text: string): string {
  return text.replace(ALL_UNSAFE, escaped);
}

/** JSON in one line, with nothing in it that a terminal would obey. */
export function jsonLine(value: unknown): string {
  return harmless(JSON.stringify(value));
}

/** A body for a plain line: as it is, or a JSON string where it has control characters. */
export function plainBody(body: Buffer): string {
  if (!isUtf8(body)) return `base64:${body.toString('base64')}`;
  const text = body.toString('utf8');
  return UNSAFE.test(text) ? jsonLine(text) : text;
}

export function describeDelivery(delivery: Delivery): Record<string, unknown> {
  const { body, headers } = delivery;
  const isText = isUtf8(body);
  return {
    id: String(delivery.id),
    queue: delivery.queue,
    receipt: delivery.receipt,
    body: body.toString(isText ? 'utf8' : 'base64'),
    ...(isText ? {} : { bodyEncoding: 'base64' }),
    ...(delivery.contentType === undefined ? {} : { contentType: delivery.contentType }),
    ...(Object.keys(headers).length === 0 ? {} : { headers }),
    deliveryCount: delivery.deliveryCount,
    failureCount: delivery.failureCount,
    producedMs: delivery.producedMs,
    priority: delivery.priority,
    ...(delivery.group === undefined ? {} : { group: delivery.group }),
    visibilityMs: delivery.visibilityMs,
  };
}

/** `1 message`, `2 messages`. */
export function counted(count: number, thing: string, things = `${thing}s`): string {
  return `${count} ${count === 1 ? thing : things}`;
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** Bytes in the unit that keeps them short: `718 B`, `1.2 GiB`. */
export function size(bytes: number): string {
  const power = Math.max(0, Math.floor(Math.log(Math.max(1, bytes)) / Math.log(1024)));
  const unit = Math.min(power, UNITS.length - 1);
  return `${(bytes / 1024 ** unit).toFixed(unit === 0 ? 0 : 1)} ${UNITS[unit]}`;
}

/** A time that passed, in its largest unit. */
export function age(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`;
}

/** Columns padded to their widest cell; numbers to the right. */
export function table(rows: readonly (readonly (string | number)[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [at, cell] of row.entries()) {
      widths[at] = Math.max(widths[at] ?? 0, String(cell).length);
    }
  }
  const line = (row: readonly (string | number)[]) =>
    row
      .map((cell, at) => padded(cell, widths[at]!))
      .join('  ')
      .trimEnd();
  return rows.map(line).join('\n');
}

function padded(cell: string | number, width: number): string {
  return typeof cell === 'number' ? String(cell).padStart(width) : cell.padEnd(width);
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
