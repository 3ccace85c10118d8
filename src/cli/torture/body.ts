/**
 * Bodies that tell which message they are of, and whether they are whole.
 */
const bodyBytes = [24, 200, 200, 2000, 20_000] as const;

const fill = (key: string, bytes: number) =>
  key.repeat(Math.ceil(bytes / key.length)).slice(0, bytes);

/** `size`: which of a few lengths. */
export function bodyOf(key: string, size: number): string {
  const bytes = bodyBytes[size % bodyBytes.length]!;
  return `${key} ${bytes} ${fill(key, bytes)}`;
}

/** The key in the body of a message; null where the body is not what `bodyOf` made. */
export function keyOf(body: string): string | null {
  const [key, bytes, rest] = body.split(' ', 3);
  if (key === undefined || bytes === undefined || rest === undefined) return null;
  return rest === fill(key, Number(bytes)) ? key : null;
}
