/**
 * The damaged images of a log: each kind of damage, everywhere it can be. An image shares with the
 * log what it does not change.
 */
import { type Files, flip, segmentNames, tailName, zeroed } from './damage.ts';

export interface Image {
  /** What was done to which file, and where. */
  readonly label: string;
  readonly files: Files;
}

const SECTOR_BYTES = 512;
const PIECE_BYTES = 64;

const changed = (files: Files, name: string, bytes: Buffer) => new Map(files).set(name, bytes);

function without(files: Files, name: string): Files {
  const rest = new Map(files);
  rest.delete(name);
  return rest;
}

function* truncations(files: Files): Generator<Image> {
  for (const [name, bytes] of files) {
    for (let length = 0; length < bytes.length; length += 1) {
      yield { label: `${name}:${length}`, files: changed(files, name, bytes.subarray(0, length)) };
    }
  }
}

function* flips(files: Files): Generator<Image> {
  for (const [name, bytes] of files) {
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const mask = 1 << (bit & 7);
      yield {
        label: `${name}, bit ${bit}`,
        files: changed(files, name, flip(bytes, bit >> 3, mask)),
      };
    }
  }
}

function* zeroes(files: Files, pieceBytes: number): Generator<Image> {
  for (const [name, bytes] of files) {
    for (let from = 0; from < bytes.length; from += pieceBytes) {
      const to = Math.min(bytes.length, from + pieceBytes);
      yield {
        label: `${name}, zeros from ${from}`,
        files: changed(files, name, zeroed(bytes, from, to)),
      };
    }
  }
}

function* missing(files: Files): Generator<Image> {
  for (const name of files.keys()) yield { label: `without ${name}`, files: without(files, name) };
}

function* swapped(files: Files): Generator<Image> {
  const names = segmentNames(files);
  for (const [index, one] of names.entries()) {
    for (const other of names.slice(index + 1)) {
      const bytes = changed(files, one, files.get(other)!);
      yield { label: `${one} and ${other} swapped`, files: bytes.set(other, files.get(one)!) };
    }
  }
}

/** Under the name of another one, of the next one, and under names of no segment. */
function* duplicated(files: Files): Generator<Image> {
  const names = segmentNames(files);
  for (const one of names) {
    for (const name of [...names, ...namesAround(names), `${one}.bak`, 'copy.wq']) {
      if (name === one) continue;
      yield { label: `${one} also as ${name}`, files: changed(files, name, files.get(one)!) };
    }
  }
}

function* renamed(files: Files): Generator<Image> {
  const names = segmentNames(files);
  for (const one of names) {
    for (const name of [...namesAround(names), `${one}.bak`, one.slice(1), 'log.wq']) {
      const rest = without(files, one).set(name, files.get(one)!);
      yield { label: `${one} now ${name}`, files: rest };
    }
  }
}

/** Before the first segment, after the last one, and far away. */
function namesAround(names: readonly string[]): string[] {
  const [first, last] = [Number.parseInt(names[0]!, 10), Number.parseInt(names.at(-1)!, 10)];
  const numbers = [first - 1, last + 1, 9_999_999_999];
  return numbers.map((number) => `${String(number).padStart(10, '0')}.wq`);
}

function* strays(files: Files): Generator<Image> {
  const tail = files.get(tailName(files))!;
  const names = ['core', 'notes.txt', '00000.wq', 'checkpoint.tmp', 'rewritten.tmp', 'torn.tmp'];
  for (const name of [...names, 'reserve-1', 'reserve.tmp', 'quarantine/old']) {
    for (const bytes of [Buffer.alloc(0), Buffer.from('of somebody else'), tail.subarray(64)]) {
      yield { label: `${bytes.length} bytes of ${name}`, files: changed(files, name, bytes) };
    }
  }
}

/** Every kind of damage by its name, with all images of it. */
export const damages: Readonly<Record<string, (files: Files) => Iterable<Image>>> = {
  'every truncation': truncations,
  'flipped bits': flips,
  'every zeroed sector': (files) => zeroes(files, SECTOR_BYTES),
  'every zeroed piece': (files) => zeroes(files, PIECE_BYTES),
  'every missing file': missing,
  'every two segments swapped': swapped,
  'every segment twice': duplicated,
  'every segment renamed': renamed,
  'files of others': strays,
};
