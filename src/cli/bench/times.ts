/**
 * How long something took, many times over.
 */
import { build, type Histogram } from 'hdr-histogram-js';

export interface TimesSummary {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

export class Times {
  /** In microseconds. */
  readonly #histogram: Histogram = build({
    bitBucketSize: 32,
    autoResize: true,
    numberOfSignificantValueDigits: 3,
  });

  add(durationMs: number): void {
    this.#histogram.recordValue(Math.max(1, Math.round(durationMs * 1000)));
  }

  summary(): TimesSummary {
    const at = (percentile: number) => this.#histogram.getValueAtPercentile(percentile) / 1000;
    return {
      count: this.#histogram.totalCount,
      p50Ms: at(50),
      p99Ms: at(99),
      p999Ms: at(99.9),
      maxMs: this.#histogram.maxValue / 1000,
    };
  }
}
