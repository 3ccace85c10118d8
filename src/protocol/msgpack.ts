/**
 * The first bytes of msgpack values, as the specification of msgpack numbers them. Values of one
 * byte (small integers, short strings, arrays and maps) carry their size in the first byte itself.
 */

export const FIXMAP = 0x80;
export const FIXARRAY = 0x90;
export const FIXSTR = 0xa0;
export const NIL = 0xc0;
export const FALSE = 0xc2;
export const TRUE = 0xc3;
export const BIN_8 = 0xc4;
export const BIN_16 = 0xc5;
export const BIN_32 = 0xc6;
export const FLOAT_32 = 0xca;
export const FLOAT_64 = 0xcb;
export const UINT_8 = 0xcc;
export const UINT_16 = 0xcd;
export const UINT_32 = 0xce;
export const UINT_64 = 0xcf;
export const INT_8 = 0xd0;
export const INT_16 = 0xd1;
export const INT_32 = 0xd2;
export const INT_64 = 0xd3;
export const STR_8 = 0xd9;
export const STR_16 = 0xda;
export const STR_32 = 0xdb;
export const ARRAY_16 = 0xdc;
export const ARRAY_32 = 0xdd;
export const MAP_16 = 0xde;
export const MAP_32 = 0xdf;
export const NEGATIVE_FIXINT = 0xe0;

/** Bytes of a value that has a fixed size, by its first byte; 0 for all others. */
export const FIXED_BYTES: Uint8Array = fixedBytes();

function fixedBytes(): Uint8Array {
  const bytes = new Uint8Array(256);
  bytes.fill(1, 0, FIXMAP);
  bytes.fill(1, NEGATIVE_FIXINT);
  for (const head of [NIL, FALSE, TRUE]) bytes[head] = 1;
  for (const head of [UINT_8, INT_8]) bytes[head] = 2;
  for (const head of [UINT_16, INT_16]) bytes[head] = 3;
  for (const head of [UINT_32, INT_32, FLOAT_32]) bytes[head] = 5;
  for (const head of [UINT_64, INT_64, FLOAT_64]) bytes[head] = 9;
  return bytes;
}

export function uint32(buffer: Buffer, at: number): number {
  const high = buffer[at]! * 0x1000000;
  return high + ((buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) | buffer[at + 3]!);
}
