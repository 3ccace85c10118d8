/**
 * `wonderq log restore`: a backup becomes the log of a data directory that has none.
 */
import fs from 'node:fs';
import type { Command } from 'commander';
import { logDirectoryOf } from '../../server/data-directory.ts';
import { UsageError } from '../failure.ts';
import { jsonLine, writeLine } from '../text.ts';
import { copyDirectory } from './copy.ts';
import { type DirectoryFlags, dataDirOf, isDirectory, withDirectory } from './directory.ts';
import { refuseIfEmptyName, refuseIfInside } from './target.ts';
import { describeVerdict } from './verify.ts';

interface Flags extends DirectoryFlags {
  readonly from: string;
}

export function addRestore(log: Command): void {
  withDirectory(log.command('restore'))
    .description('a verified copy of a backup in a data directory without a log')
    .requiredOption('--from <directory>', 'the backup')
    .option('--json', 'one object')
    .action(restore);
}

async function restore(flags: Flags): Promise<void> {
  const dataDir = dataDirOf(flags);
  refuseIfEmptyName('--from', flags.from);
  refuseIfUsed(dataDir);
  refuseIfInside(flags.from, dataDir);
  const verdict = await copyDirectory(flags.from, dataDir);
  await writeLine(flags.json ? jsonLine(verdict) : describeVerdict(verdict));
}

function refuseIfUsed(dataDir: string): void {
  if (fs.existsSync(dataDir) && !isDirectory(dataDir)) {
    throw new UsageError(`${dataDir} is no directory`);
  }
  const directory = logDirectoryOf(dataDir);
  if (!fs.existsSync(directory) || fs.readdirSync(directory).length === 0) return;
  throw new UsageError(`${directory} holds files already: nothing is restored over a log`);
}
