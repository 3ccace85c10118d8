/**
 * `wonderq log verify`: reads the whole log as a start does, and tells what a start would do. It
 * changes nothing, and a broker may be running.
 */
import type { Command } from 'commander';
import { ClockError } from '../../broker/broker-time.ts';
import { type LogState, readLogState } from '../../broker/log-state.ts';
import { processRuntime } from '../../broker/runtime.ts';
import { LogDamagedError } from '../../errors.ts';
import type { Snapshot } from '../../log/snapshot.ts';
import { logDirectoryOf, refuseIfUnfinished } from '../../server/data-directory.ts';
import { counted, jsonLine, size, writeLine } from '../text.ts';
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

export function addVerify(log: Command): void {
  withDirectory(log.command('verify'))
    .description('read all of it and tell what a start would do; exit 0 intact, 65 damaged')
    .option('--json', 'one object')
    .action(verify);
}

export type Verdict = Awaited<ReturnType<typeof verdictOn>>;

async function verify(flags: DirectoryFlags): Promise<void> {
  const dataDir = dataDirOf(flags);
  try {
    refuseIfUnfinished(dataDir);
    const verdict = await verdictOn(dataDir);
    await writeLine(flags.json ? jsonLine(verdict) : describeVerdict(verdict));
  } catch (error) {
    if (flags.json && (error instanceof LogDamagedError || error instanceof ClockError)) {
      await writeLine(jsonLine(describeDamage(dataDir, error)));
    }
    throw error;
  }
}

/** Throws what a start there would throw. The log may lie elsewhere while it is made. */
export async function verdictOn(dataDir: string, directory = logDirectoryOf(dataDir)) {
  const look = async (snapshot: Snapshot) => {
    const beganMs = performance.now();
    const read = await withProgress(snapshot, () => readLogState(snapshot, processRuntime));
    await refuseIfEmpty(snapshot, dataDir);
    return {
      intact: true,
      dataDir,
      ...figuresOf(read),
      quarantine: quarantineOf(directory),
      growing: await snapshot.hasMovedOn(),
      tookMs: Math.round(performance.now() - beganMs),
    };
  };
  return await withSnapshot(dataDir, look, directory);
}

function figuresOf({ findings, segments, state }: LogState) {
  const { checkpoint, torn, unused, batches, records, bytesRead, chain } = findings;
  const queues = queueFiguresOf(state);
  return {
    cleanStop: checkpoint?.isClean ?? true,
    segments: segments.all.length,
    batches,
    records,
    bytes: bytesRead,
    lastBatch: chain.batch,
    position: chain.address,
    timeMs: chain.timeMs,
    torn,
    unused,
    messages: queues.reduce((sum, { live }) => sum + live, 0),
    sessions: state.sessions.size,
    queues,
  };
}

/** What is wrong, for programs. */
function describeDamage(dataDir: string, error: LogDamagedError | ClockError) {
  if (error instanceof ClockError) return { intact: false, dataDir, what: error.message };
  const { file, offset, what } = error;
  return { intact: false, dataDir, file, offset, what };
}

export function describeVerdict(verdict: Verdict): string {
  const { segments, batches, records, bytes, queues, messages, sessions } = verdict;
  const lines = [
    `intact: ${counted(segments, 'segment')} of ${size(bytes)}`,
    `${counted(batches, 'batch', 'batches')}, ${counted(records, 'record')}`,
    verdict.cleanStop ? 'the last broker stopped cleanly' : 'no clean stop since the last start',
    ...whatAStartDoes(verdict),
    `${counted(queues.length, 'queue')} with ${counted(messages, 'message')}, ` +
      counted(sessions, 'session'),
  ];
  if (verdict.quarantine.length > 0) lines.push(`quarantine: ${verdict.quarantine.join(', ')}`);
  if (queues.length === 0) return lines.join('\n');
  return `${lines.join('\n')}\n\n${queueTable(queues)}`;
}

function whatAStartDoes({ growing, torn, unused }: Verdict): string[] {
  const lines: string[] = [];
  if (growing) lines.push('a broker is writing to it: this is the log as it was at the beginning');
  if (torn !== undefined) {
    const { file, offset, bytes } = torn;
    lines.push(
      growing
        ? `${file}, offset ${offset}: a batch of which ${bytes} bytes were written`
        : `torn tail, which a start cuts off and keeps: ${file}, offset ${offset}, ${bytes} bytes`,
    );
  }
  if (unused.length > 0) lines.push(`without a batch, removed by a start: ${unused.join(', ')}`);
  return lines;
}
