/**
 * `wonderq log inspect`: what a log consists of: segments, queues, checkpoint, what lies beside.
 */
import fs from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { type LogReading, type LogState, readLogState } from '../../broker/log-state.ts';
import { processRuntime } from '../../broker/runtime.ts';
import { logDirectoryOf } from '../../server/data-directory.ts';
import { jsonLine, table, writeLine } from '../text.ts';
import {
  type DirectoryFlags,
  dataDirOf,
  quarantineOf,
  refuseIfEmpty,
  withDirectory,
  withSnapshot,
} from './directory.ts';
import { withProgress } from './progress.ts';
import { queueFiguresOf, queueTable } from './queues.ts';

/** What only a walk over the records tells of a segment. */
interface Walked {
  records: number;
  firstMs: number;
  lastMs: number;
}

const nothing: Partial<Walked> & { records: number } = { records: 0 };

export function addInspect(log: Command): void {
  withDirectory(log.command('inspect'))
    .description('segments with live and dead bytes, queues, checkpoint, quarantine, reserve')
    .option('--json', 'one object')
    .action(inspect);
}

async function inspect(flags: DirectoryFlags): Promise<void> {
  const dataDir = dataDirOf(flags);
  const report = await withSnapshot(dataDir, async (snapshot) => {
    const walked = new Map<number, Walked>();
    const watch = (reading: LogReading) => () => walk(walked, reading);
    const read = await withProgress(snapshot, () => readLogState(snapshot, processRuntime, watch));
    await refuseIfEmpty(snapshot, dataDir);
    return reportOf(dataDir, read, walked);
  });
  await writeLine(flags.json ? jsonLine(report) : describe(report));
}

function walk(walked: Map<number, Walked>, { segments, chain }: LogReading): void {
  const { number } = segments.newest!;
  const known = walked.get(number);
  if (known === undefined) {
    walked.set(number, { records: 1, firstMs: chain.timeMs, lastMs: chain.timeMs });
    return;
  }
  known.records += 1;
  known.lastMs = chain.timeMs;
}

type Report = ReturnType<typeof reportOf>;

function reportOf(dataDir: string, read: LogState, walked: Map<number, Walked>) {
  const { findings } = read;
  const { checkpoint, torn, unused, chain, lastEpoch } = findings;
  const directory = logDirectoryOf(dataDir);
  const sizeOf = (name: string) => fs.lstatSync(path.join(directory, name)).size;
  const names = fs.readdirSync(directory).filter((name) => name.startsWith('reserve-'));
  const kept = quarantineOf(directory).map((name) => path.join('quarantine', name));
  return {
    dataDir,
    epoch: lastEpoch,
    position: chain.address,
    nextId: chain.nextId,
    checkpoint,
    torn,
    unused,
    segments: segmentsOf(read, walked),
    queues: queueFiguresOf(read.state),
    reserve: names.map((name) => ({ name, bytes: sizeOf(name) })),
    quarantine: kept.map((name) => ({ name, bytes: sizeOf(name) })),
  };
}

function segmentsOf({ findings, segments }: LogState, walked: Map<number, Walked>) {
  return segments.all.map((segment, index) => {
    const { number, epoch, fileBytes, liveBytes, firstAddress, endAddress, firstBatch } = segment;
    const after = segments.all[index + 1]?.firstBatch ?? findings.chain.batch + 1;
    return {
      number,
      epoch,
      fileBytes,
      liveBytes,
      deadBytes: fileBytes - liveBytes,
      firstPosition: firstAddress,
      endPosition: endAddress,
      firstBatch,
      batches: after - firstBatch,
      ...(walked.get(number) ?? nothing),
    };
  });
}

function describe({ epoch, checkpoint, position, torn, segments, queues, ...beside }: Report) {
  const heads = ['SEGMENT', 'EPOCH', 'BYTES', 'LIVE', 'DEAD', 'BATCHES', 'RECORDS', 'FROM', 'TO'];
  const rows = segments.map((one) => [
    one.number,
    one.epoch,
    one.fileBytes,
    one.liveBytes,
    one.deadBytes,
    one.batches,
    one.records,
    isoOf(one.firstMs),
    isoOf(one.lastMs),
  ]);
  const facts = [['epoch', `${epoch}, log up to position ${position}`]];
  if (checkpoint !== undefined) {
    const { batch, isClean, segment } = checkpoint;
    const stop = isClean ? 'clean stop' : 'no clean stop since the last start';
    facts.push(['checkpoint', `${stop}; durable up to batch ${batch} in segment ${segment}`]);
  }
  if (torn !== undefined) {
    facts.push(['torn tail', `${torn.file}, offset ${torn.offset}, ${torn.bytes} bytes`]);
  }
  for (const [name, files] of [
    ['reserve', beside.reserve],
    ['quarantine', beside.quarantine],
  ] as const) {
    for (const file of files) facts.push([name, `${file.name}, ${file.bytes} bytes`]);
  }
  return [table(facts), table([heads, ...rows]), queueTable(queues)].join('\n\n');
}

function isoOf(ms: number | undefined): string {
  return ms === undefined ? '-' : new Date(ms).toISOString();
}
