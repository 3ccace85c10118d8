/**
 * `wonderq log backup`: a verified copy of a log, of a running broker too.
 */
import type { Command } from 'commander';
import { jsonLine, writeLine } from '../text.ts';
import { copyDirectory } from './copy.ts';
import { type DirectoryFlags, dataDirOf, withDirectory } from './directory.ts';
import { refuseIfEmptyName, refuseIfInside, refuseIfThere } from './target.ts';
import { describeVerdict } from './verify.ts';

interface Flags extends DirectoryFlags {
  readonly to: string;
}

export function addBackup(log: Command): void {
  withDirectory(log.command('backup'))
    .description('a verified copy; the broker may be running')
    .requiredOption('--to <directory>', 'a new data directory, which must not be there')
    .option('--json', 'one object')
    .action(backup);
}

async function backup(flags: Flags): Promise<void> {
  const dataDir = dataDirOf(flags);
  refuseIfEmptyName('--to', flags.to);
  refuseIfThere(flags.to);
  refuseIfInside(dataDir, flags.to);
  const verdict = await copyDirectory(dataDir, flags.to);
  await writeLine(flags.json ? jsonLine(verdict) : describeVerdict(verdict));
}
