/**
 * Where a command of `wonderq log` may make a new log: beside the one that it reads, where nothing
 * is yet.
 */
import fs from 'node:fs';
import path from 'node:path';
import { logDirectoryOf } from '../../server/data-directory.ts';
import { UsageError } from '../failure.ts';

/** An empty name would be taken for the folder of the process. */
export function refuseIfEmptyName(flag: string, directory: string): void {
  if (directory === '') throw new UsageError(`${flag} must not be empty`);
}

export function refuseIfThere(directory: string): void {
  if (fs.existsSync(directory)) throw new UsageError(`${directory} is there already`);
}

/** What is read must stay as it is, and a copy of a log must not go with it. */
export function refuseIfInside(from: string, to: string): void {
  const target = placeOf(to);
  // The log may be a link to another place than its data directory.
  const isInside = [from, logDirectoryOf(from)].some((read) => contains(placeOf(read), target));
  if (isInside) throw new UsageError(`${to} is inside of ${from}, which is only read`);
}

function contains(directory: string, place: string): boolean {
  const [first] = path.relative(directory, place).split(path.sep);
  return first !== '..';
}

/** Without symbolic links, as far as it is there. */
function placeOf(name: string): string {
  if (fs.existsSync(name)) return fs.realpathSync.native(name);
  return path.join(placeOf(path.dirname(name)), path.basename(name));
}
