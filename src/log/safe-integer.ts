/**
 * Whole numbers of up to 53 bits in 8 bytes, big-endian. Positions, batch numbers and message IDs
 * are safe integers everywhere, so that nothing needs a bigint; a value beyond that range reads as
 * -1.
 */

const HIGH = 2 ** 32;
const HIGH_MAX = 2 ** 21;

export function writeSafeInteger(buffer: Buffer, value: number, offset: number): void {
  buffer.writeUInt32BE(Math.floor(value / HIGH), offset);
  buffer.writeUInt32BE(value >>> 0, offset + 4);
}

export function readSafeInteger(buffer: Buffer, offset: number): number {
  const high = buffer.readUInt32BE(offset);
  return high < HIGH_MAX ? high * HIGH + buffer.readUInt32BE(offset + 4) : -1;
}
