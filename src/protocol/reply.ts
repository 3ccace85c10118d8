/**
 * One answer as the client sees it: a single object, used again for each frame. What lies in the
 * frame's bytes (bodies, content types, headers) is read on demand and copied then, so everything
 * in it holds only until the next frame is parsed.
 */
import type { Code } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Durability } from './operations.ts';
import { Walker } from './walker.ts';

const CAPACITY_MIN = 64;
const EMPTY = Buffer.alloc(0);

/** Deliveries as columns, and where each message lies. */
export class DeliveriesScratch {
  count = 0;
  ids: Float64Array = new Float64Array(CAPACITY_MIN);
  tokens: Float64Array = new Float64Array(CAPACITY_MIN);
  deliveryCounts: Float64Array = new Float64Array(CAPACITY_MIN);
  failureCounts: Float64Array = new Float64Array(CAPACITY_MIN);
  producedMs: Float64Array = new Float64Array(CAPACITY_MIN);
  priorities: Uint8Array = new Uint8Array(CAPACITY_MIN);
  /** Bytes of each message as it is encoded: what it takes of a credit by bytes. */
  messageBytes: Uint32Array = new Uint32Array(CAPACITY_MIN);
  bodyStarts: Uint32Array = new Uint32Array(CAPACITY_MIN);
  bodyEnds: Uint32Array = new Uint32Array(CAPACITY_MIN);
  /** Where content type, headers and group lie, checked already; 0: there is none. */
  contentTypeStarts: Uint32Array = new Uint32Array(CAPACITY_MIN);
  headerStarts: Uint32Array = new Uint32Array(CAPACITY_MIN);
  groupStarts: Uint32Array = new Uint32Array(CAPACITY_MIN);
  /** The frame's bytes. */
  buffer: Buffer = EMPTY;

  readonly #walker = new Walker();

  /** Makes room for `count` deliveries; what was there is lost. */
  reserve(count: number): void {
    if (count <= this.ids.length) return;
    const capacity = 2 ** Math.ceil(Math.log2(count));
    this.ids = new Float64Array(capacity);
    this.tokens = new Float64Array(capacity);
    this.deliveryCounts = new Float64Array(capacity);
    this.failureCounts = new Float64Array(capacity);
    this.producedMs = new Float64Array(capacity);
    this.priorities = new Uint8Array(capacity);
    this.messageBytes = new Uint32Array(capacity);
    this.bodyStarts = new Uint32Array(capacity);
    this.bodyEnds = new Uint32Array(capacity);
    this.contentTypeStarts = new Uint32Array(capacity);
    this.headerStarts = new Uint32Array(capacity);
    this.groupStarts = new Uint32Array(capacity);
  }

  /** A copy of the body: it does not keep the frame's bytes alive. */
  body(index: number): Buffer {
    return Buffer.from(this.buffer.subarray(this.bodyStarts[index], this.bodyEnds[index]));
  }

  contentType(index: number): string | undefined {
    const start = this.contentTypeStarts[index]!;
    return start === 0
      ? undefined
      : this.#walkerAt(start).string('contentType', this.buffer.length);
  }

  group(index: number): string | undefined {
    const start = this.groupStarts[index]!;
    return start === 0 ? undefined : this.#walkerAt(start).string('group', this.buffer.length);
  }

  /** An object without a prototype, since the keys are another program's. */
  headers(index: number): Record<string, string> | undefined {
    const start = this.headerStarts[index]!;
    if (start === 0) return undefined;
    const walker = this.#walkerAt(start);
    const headers: Record<string, string> = Object.create(null) as Record<string, string>;
    for (let left = walker.mapHeader('headers'); left > 0; left -= 1) {
      const key = walker.string('headers', limits.headerBytesMax);
      headers[key] = walker.string('headers', limits.headerBytesMax);
    }
    return headers;
  }

  #walkerAt(start: number): Walker {
    this.#walker.reset(this.buffer, start, this.buffer.length);
    return this.#walker;
  }
}

export class Reply {
  operation = 0;
  /** The request's or subscription's; 0: of no request. Of a ping: its number. */
  id = 0;

  /** Ok: undefined where it has none. */
  value: unknown = undefined;

  /**
   * Error and ended. A code that this version does not know is INTERNAL, with its name in the
   * text.
   */
  code: Code = 'INTERNAL';
  message = '';
  field: string | undefined = undefined;
  retryAfterMs: number | undefined = undefined;

  /** Produced and settled. */
  durability: Durability = 2;
  /** Produced: flat [first message ID, count ...]; an array of its own in each reply. */
  runs: number[] = [];
  /** Produced: the indices of messages that had been produced before; undefined: none. */
  duplicates: number[] | undefined = undefined;
  /** Settled: undefined where all are done. */
  codes: (Code | undefined)[] | undefined = undefined;

  /** Deliveries: undefined where none came. */
  queue: string | undefined = undefined;
  visibilityMs = 0;
  readonly deliveries = new DeliveriesScratch();
  /** For each group of acks: undefined where all are done. Undefined where there were no acks. */
  groupCodes: ((Code | undefined)[] | undefined)[] | undefined = undefined;

  clear(): void {
    this.operation = 0;
    this.id = 0;
    this.value = undefined;
    this.code = 'INTERNAL';
    this.message = '';
    this.field = undefined;
    this.retryAfterMs = undefined;
    this.durability = 2;
    this.runs = [];
    this.duplicates = undefined;
    this.codes = undefined;
    this.queue = undefined;
    this.visibilityMs = 0;
    this.deliveries.count = 0;
    this.deliveries.buffer = EMPTY;
    this.groupCodes = undefined;
  }
}
