/**
 * `wonderq torture`: kills a broker of its own at random moments, and cuts its power where that is
 * allowed, while producers and consumers use it; then compares what was confirmed with what was
 * there.
 */
import { randomInt } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { SingleBar } from 'cli-progress';
import { type Command, Option } from 'commander';
import { EXIT, UsageError } from './failure.ts';
import { parsed, parseWhole } from './parse.ts';
import { counted, jsonLine, writeLine } from './text.ts';
import { isGood, type Verdict, violationNames } from './torture/checker.ts';
import { cutPrograms, whyNot } from './torture/file-system.ts';
import { runAgainInNamespaces } from './torture/namespaces.ts';
import { type Outcome, outcomeOf, tortureByKills, tortureByPowerCuts } from './torture/phases.ts';

const roundsMax = 1_000_000;
const seedMax = 2 ** 32 - 1;
/** More are in a file. */
const violationsShown = 5;

interface Flags {
  readonly dataDir: string;
  readonly kills: string;
  readonly powerCuts: string;
  readonly seed?: string;
  readonly json?: boolean;
  readonly inside?: boolean;
}

type Options = ReturnType<typeof optionsOf>;

export function addTorture(program: Command): void {
  program
    .command('torture')
    .description('kill a broker of its own again and again; exit 0 nothing lost, 1 something')
    .option('--data-dir <directory>', 'where it works, in a new folder that it removes', '.')
    .option('--kills <n>', 'of the broker, at work and at its start', '20')
    .option('--power-cuts <n>', 'on an ext4 image in that folder; needs root', '0')
    .option('--seed <n>', 'of what is drawn (default: a new one)')
    .option('--json', 'one object')
    .addOption(new Option('--inside', 'namespaces').hideHelp())
    .action(torture);
}

async function torture(flags: Flags): Promise<void> {
  const options = optionsOf(flags);
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  if (options.powerCuts > 0 && !flags.inside) {
    const reason = await whyNot('ext4', cutPrograms);
    if (reason !== undefined) throw new UsageError(`no power can be cut here: ${reason}`);
    process.exitCode = await runAgainInNamespaces('--inside', interrupted.signal);
    return;
  }
  const sinceMs = performance.now();
  const { directory, outcome } = await tortureInNewFolder(flags, options, interrupted.signal);
  const { verdict, kills, powerCuts } = outcome;
  const seconds = Math.round((performance.now() - sinceMs) / 1000);
  const report = { seed: options.seed, kills, powerCuts, seconds, ...verdict, kept: directory };
  await writeLine(flags.json ? jsonLine(report) : describe(report));
  if (!isGood(verdict)) process.exitCode = EXIT.no;
}

function optionsOf(flags: Flags) {
  const whole = (flag: string, max: number, text: string) =>
    parsed(flag, parseWhole(0, max), text) as number;
  const { seed = String(randomInt(seedMax)) } = flags;
  const options = {
    kills: whole('--kills', roundsMax, flags.kills),
    powerCuts: whole('--power-cuts', roundsMax, flags.powerCuts),
    seed: whole('--seed', seedMax, seed),
  };
  if (options.kills + options.powerCuts === 0) throw new UsageError('neither kills nor power cuts');
  return options;
}

function newFolder(dataDir: string): string {
  if (!existsSync(dataDir)) throw new UsageError(`--data-dir: there is no ${dataDir}`);
  return mkdtempSync(path.join(path.resolve(dataDir), 'wonderq-torture-'));
}

/** The folder is told where it stays: because something was lost, or went wrong altogether. */
async function tortureInNewFolder(flags: Flags, options: Options, signal: AbortSignal) {
  const directory = newFolder(flags.dataDir);
  try {
    const outcome = await tortureIn(directory, options, signal);
    if (outcome.verdict.confirmed === 0 && !signal.aborted) {
      throw new Error('nothing was confirmed, so nothing was shown');
    }
    if (isGood(outcome.verdict)) {
      rmSync(directory, { recursive: true });
      return { directory: undefined, outcome };
    }
    showViolations(directory, outcome.violations);
    return { directory, outcome };
  } catch (error) {
    console.error(`wonderq: the data and the histories are in ${directory}`);
    throw error;
  }
}

async function tortureIn(directory: string, options: Options, signal: AbortSignal) {
  const { seed } = options;
  const outcomes: Outcome[] = [];
  if (options.kills > 0) {
    const rounds = shown('kills', options.kills, signal);
    outcomes.push(await tortureByKills(path.join(directory, 'kills'), seed, rounds));
  }
  if (options.powerCuts > 0 && !signal.aborted) {
    const rounds = shown('power cuts', options.powerCuts, signal);
    outcomes.push(await tortureByPowerCuts(path.join(directory, 'power-cuts'), seed, rounds));
  }
  return outcomeOf(outcomes);
}

/** So many rounds, or fewer where `signal` is aborted, as a bar on a terminal. */
function* shown(what: string, count: number, signal: AbortSignal): Generator<number, void> {
  const bar = new SingleBar({ format: `${what} {bar} {value} of {total}`, barsize: 30 });
  bar.start(count, 0);
  try {
    for (let round = 0; round < count && !signal.aborted; round += 1) {
      yield round;
      bar.update(round + 1);
    }
  } finally {
    bar.stop();
  }
}

function showViolations(directory: string, violations: readonly string[]): void {
  const file = path.join(directory, 'violations.txt');
  writeFileSync(file, `${violations.join('\n')}\n`);
  for (const violation of violations.slice(0, violationsShown)) console.error(violation);
  console.error(`wonderq: ${counted(violations.length, 'violation')}, all in ${file}`);
}

interface Report extends Verdict {
  readonly seed: number;
  readonly kills: number;
  readonly powerCuts: number;
  readonly seconds: number;
  readonly kept: string | undefined;
}

/** In one line: the figures that everybody asks for, and any other that is not as it must be. */
function describe(report: Report): string {
  const always: Partial<Record<keyof Verdict, string>> = {
    confirmed: 'confirmed',
    lost: 'lost',
    acked: 'acknowledged',
    redeliveredAfterAck: 'back after ack',
    leasesHonoured: 'leases honoured',
    unexpected: 'invented',
  };
  const others: Partial<Record<keyof Verdict, string>> = {
    duplicated: 'there twice',
    partly: 'half a batch',
    ackedTwice: 'acknowledged twice',
    miscounted: 'delivery counts wrong',
    overlapping: 'leased to two',
    leasesRefused: 'leases refused',
  };
  const named = Object.entries(always) as [keyof Verdict, string][];
  for (const name of violationNames) {
    const words = others[name];
    if (words !== undefined && report[name] > 0) named.push([name, words]);
  }
  const figures = named.map(([name, words]) => `${words} ${report[name]}`).join(', ');
  const { kills, powerCuts, seed, seconds, kept } = report;
  const rounds = `${counted(kills, 'kill')}, ${counted(powerCuts, 'power cut')}`;
  const where = kept === undefined ? '' : `; kept in ${kept}`;
  return `${figures}; ${rounds}, seed ${seed}, ${seconds} s${where}`;
}
