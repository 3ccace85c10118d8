/**
 * Finds the messages of a record again, as they lay in the frame that was written: where each lies,
 * and the key of its group. Its columns are used again for each record.
 */
import { MalformedRecordError, WonderqError } from '../errors.ts';
import { limits } from '../limits.ts';
import { FIXARRAY } from '../protocol/msgpack.ts';
import { Walker } from '../protocol/walker.ts';
import type { MessageSlice } from '../queue/journal.ts';
import type { VarintReader } from './varint.ts';

/** Messages without a group, in their shortest form. */
const ARRAY_OF_1 = FIXARRAY | 1;
const ARRAY_OF_3 = FIXARRAY | 3;

export class MessageFinder {
  private readonly walker = new Walker();
  private offsets = new Uint32Array(1024);
  private lengths = new Uint32Array(1024);

  /** `count` messages from where the reader stands on; they end where it ends. */
  find(reader: VarintReader, count: number): MessageSlice & { readonly buffer: Buffer } {
    const { walker } = this;
    if (count > this.offsets.length) {
      this.offsets = new Uint32Array(count);
      this.lengths = new Uint32Array(count);
    }
    walker.reset(reader.buffer, reader.at, reader.end);
    let groups: (string | undefined)[] | undefined;
    for (let index = 0; index < count; index += 1) {
      const { at } = walker;
      const group = passMessage(walker);
      if (group !== undefined) {
        groups ??= [];
        groups[index] = group;
      }
      this.offsets[index] = at;
      this.lengths[index] = walker.at - at;
    }
    const { offsets, lengths } = this;
    const { buffer, at: start, end } = reader;
    return { buffer, start, end, count, first: 0, offsets, lengths, groups };
  }
}

/** Returns the key of its group. */
function passMessage(walker: Walker): string | undefined {
  try {
    const first = walker.buffer[walker.at]!;
    if (first < ARRAY_OF_1 || first > ARRAY_OF_3) return passToGroup(walker);
    walker.pass(0);
    return undefined;
  } catch (error) {
    // What the walker says of a frame is said of the record that holds the message.
    throw error instanceof WonderqError ? new MalformedRecordError() : error;
  }
}

/** The key is the last of four elements; the array may be encoded longer than it need be. */
function passToGroup(walker: Walker): string | undefined {
  const parts = walker.arrayHeader('message');
  for (let part = 0; part < Math.min(parts, 3); part += 1) walker.pass(1);
  return parts < 4 || walker.nil() ? undefined : walker.string('group', limits.groupBytesMax);
}
