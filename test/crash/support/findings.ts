// What consumers printed (`word-consumer.ts`), put together and judged.

export class Findings {
  /** Message ID to its text, of all that was received. */
  readonly texts = new Map<number, string>();
  /** Message ID to the delivery whose ack was confirmed. */
  readonly #acked = new Map<number, number>();
  readonly #lastDeliveries = new Map<number, number>();
  redelivered = 0;
  ackedTwice = 0;

  /** Takes whole lines. */
  static of(outputs: readonly string[]): Findings {
    const findings = new Findings();
    for (const line of outputs.flatMap((output) => output.split('\n').slice(0, -1))) {
      const { received = [], acked = [] } = JSON.parse(line);
      for (const [id, deliveryCount, text] of received) findings.receive(id, deliveryCount, text);
      for (const [id, deliveryCount] of acked) findings.ack(id, deliveryCount);
    }
    return findings;
  }

  receive(id: number, deliveryCount: number, text: string): void {
    if (this.texts.has(id)) this.redelivered += 1;
    this.texts.set(id, text);
    this.#lastDeliveries.set(id, Math.max(deliveryCount, this.#lastDeliveries.get(id) ?? 0));
  }

  ack(id: number, deliveryCount: number): void {
    if (this.#acked.has(id)) this.ackedTwice += 1;
    this.#acked.set(id, deliveryCount);
  }

  get acked(): number {
    return this.#acked.size;
  }

  /** Messages that were delivered once more after the delivery that was acknowledged. */
  get cameBack(): number {
    return [...this.#acked].filter(([id, count]) => this.#lastDeliveries.get(id)! > count).length;
  }
}
