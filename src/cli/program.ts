/**
 * All commands of `wonderq`, one file a command beside this one.
 */
import { Command } from 'commander';
import { brokerVersion } from '../broker/settings.ts';
import { addBench } from './bench.ts';
import { addConsume } from './consume.ts';
import { addLog } from './log.ts';
import { addPeek } from './peek.ts';
import { addProduce } from './produce.ts';
import { addQueues } from './queues.ts';
import { addReceive } from './receive.ts';
import { addRedrive } from './redrive.ts';
import { addServe } from './serve.ts';
import { addSettle } from './settle.ts';
import { addStats } from './stats.ts';
import { addSteer } from './steer.ts';
import { addTemplates } from './templates.ts';
import { addTorture } from './torture.ts';
import { addTrace } from './trace.ts';
import { addWhy } from './why.ts';

const additions = [
  addServe,
  addProduce,
  addReceive,
  addSettle,
  addConsume,
  addQueues,
  addTemplates,
  addPeek,
  addWhy,
  addRedrive,
  addSteer,
  addStats,
  addTrace,
  addLog,
  addBench,
  addTorture,
];

export function program(): Command {
  const wonderq = new Command('wonderq')
    .description('A durable message queue broker for one server.')
    .version(brokerVersion)
    .enablePositionalOptions()
    .showHelpAfterError('(see --help)');
  for (const add of additions) add(wonderq);
  exitByThrowing(wonderq);
  return wonderq;
}

/** Commander ends the process with 1 for wrong usage; ours is 64. */
function exitByThrowing(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) exitByThrowing(child);
}
