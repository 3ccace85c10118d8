/**
 * `wonderq log`: what can be done with the log of a data directory, without a broker.
 */
import type { Command } from 'commander';
import { addBackup } from './log/backup.ts';
import { addDump } from './log/dump.ts';
import { addInspect } from './log/inspect.ts';
import { addRepair } from './log/repair.ts';
import { addRestore } from './log/restore.ts';
import { addVerify } from './log/verify.ts';

export function addLog(program: Command): void {
  const log = program.command('log').description('look after the log of a data directory');
  for (const add of [addVerify, addInspect, addDump, addBackup, addRestore, addRepair]) add(log);
}
