// The shim that kills a broker at a named moment of its own file calls: compiled here, drawn here.

import { join } from 'node:path';
import type { Random } from '../../support/random.ts';
import { compileShim } from '../../support/shim.ts';

const source = join(import.meta.dirname, 'log-kill.c');

const calls = ['write', 'fdatasync', 'rename', 'unlink', 'fsyncdir'] as const;
export type KillCall = (typeof calls)[number];

/** A start makes a dozen calls; how many of each a second of work makes. */
const atWorkMax = { write: 400, fdatasync: 300, rename: 12, unlink: 12, fsyncdir: 24 } as const;
const atStartMax = { write: 8, fdatasync: 8, rename: 4, unlink: 2, fsyncdir: 6 } as const;

export interface Moment {
  readonly call: KillCall;
  readonly when: 'before' | 'within' | 'after';
  readonly number: number;
}

/** As `compileShim`. */
export const compileLogKill = (directory: string) => compileShim(source, directory);

/** Half of them during the start. */
export function drawMoment(random: Random): Moment {
  const call = random.pick(calls);
  const max = random.chance(0.5) ? atStartMax : atWorkMax;
  const when = random.pick(['before', call === 'write' ? 'within' : 'after', 'after'] as const);
  return { call, when, number: random.integer(1, max[call]) };
}

/** The environment of a broker whose log is in `directory`. */
export function killEnvironment(shim: string, directory: string, moment: Moment) {
  const { call, when, number } = moment;
  return {
    LD_PRELOAD: shim,
    LOG_KILL: `${call} ${when} ${number}`,
    LOG_KILL_DIR: directory,
  };
}
