/** A log in memory: enough of it to write records and to read them back. */
import type { Log, VisitRecord } from '../../../src/log/log.ts';

interface Written {
  readonly kind: number;
  readonly version: number;
  readonly start: number;
  end: number;
}

const headerBytes = 6;

export class MemoryLog {
  readonly buffer: Buffer;
  readonly records: Written[] = [];
  private at = 0;

  constructor(bytes = 64 * 1024 * 1024) {
    this.buffer = Buffer.alloc(bytes);
  }

  asLog(): Log {
    return this as unknown as Log;
  }

  begin(kind: number, version: number, bytesMax: number): number {
    const start = this.at + headerBytes;
    if (start + bytesMax > this.buffer.length) throw new Error('the memory of the test is full');
    this.records.push({ kind, version, start, end: start + bytesMax });
    return start;
  }

  get beginPosition(): number {
    return this.at + headerBytes;
  }

  end(offset: number): void {
    const record = this.records.at(-1)!;
    if (offset > record.end) throw new Error('more was written than was asked for');
    record.end = offset;
    this.at = offset;
  }

  addLive(): void {}

  addDead(): void {}

  visit(visit: VisitRecord): void {
    for (const { kind, version, start, end } of this.records) {
      visit(kind, version, this.buffer, start, end, start);
    }
  }
}
