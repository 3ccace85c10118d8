/**
 * Short texts that many messages share, each kept once under a number, as long as somebody uses it.
 */
import assert from 'node:assert';

export class Texts {
  private readonly texts: string[] = [''];
  private readonly uses: number[] = [0];
  private readonly numbers = new Map<string, number>();
  private readonly free: number[] = [];

  /** How many there are, without the empty one. */
  get size(): number {
    return this.numbers.size;
  }

  /** The number of a text, used once more; 0 of the empty one. */
  take(text: string): number {
    if (text === '') return 0;
    const known = this.numbers.get(text);
    const number = known ?? this.free.pop() ?? this.texts.length;
    this.uses[number] = known === undefined ? 1 : this.uses[number]! + 1;
    if (known === undefined) this.texts[number] = text;
    this.numbers.set(text, number);
    return number;
  }

  get(number: number): string {
    return this.texts[number]!;
  }

  /** Used once less. */
  give(number: number): void {
    if (number === 0) return;
    assert(this.uses[number]! > 0, 'a text is given back more often than taken');
    this.uses[number] = this.uses[number]! - 1;
    if (this.uses[number]! > 0) return;
    this.numbers.delete(this.texts[number]!);
    this.texts[number] = '';
    this.free.push(number);
  }
}
