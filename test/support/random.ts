// A seeded source of randomness, so that every random test can be run again. The seed is printed;
// WONDERQ_SEED sets it.

import { randomBytes } from 'node:crypto';

export { type Random, seededRandom } from '../../src/cli/torture/random.ts';

/** The seed of this run, printed with the name of the test that uses it. */
export function printedSeed(name: string): number {
  const seed = Number(process.env.WONDERQ_SEED ?? randomBytes(4).readUInt32LE());
  console.log(`${name}: WONDERQ_SEED=${seed}`);
  return seed;
}
