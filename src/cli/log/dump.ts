/**
 * `wonderq log dump`: every record of a log, a JSON object a line, in the order of the log.
 */
import type { Command } from 'commander';
import { type LogReading, readLogState } from '../../broker/log-state.ts';
import { RecordDescriber } from '../../broker/record-description.ts';
import { processRuntime } from '../../broker/runtime.ts';
import type { VisitRecord } from '../../log/log.ts';
import { jsonLine, writeLine } from '../text.ts';
import {
  type DirectoryFlags,
  dataDirOf,
  refuseIfEmpty,
  withDirectory,
  withSnapshot,
} from './directory.ts';

interface Flags extends DirectoryFlags {
  readonly bodies?: boolean;
}

export function addDump(log: Command): void {
  withDirectory(log.command('dump'))
    .description('every record as a JSON line; up to the damage of a damaged log')
    .option('--bodies', 'with the messages, as text or base64')
    .option('--json', 'as it does anyway')
    .action(dump);
}

async function dump(flags: Flags): Promise<void> {
  const dataDir = dataDirOf(flags);
  const describer = new RecordDescriber(flags.bodies ?? false);
  await withSnapshot(dataDir, async (snapshot) => {
    await readLogState(snapshot, processRuntime, (reading) => printer(reading, describer));
    await refuseIfEmpty(snapshot, dataDir);
  });
}

function printer({ segments, chain, state }: LogReading, describer: RecordDescriber): VisitRecord {
  return (...record) => {
    const said = describer.describe(...record);
    const name = nameOf(said.queue, state);
    const place = { position: record[5], segment: segments.newest!.number, batch: chain.batch };
    // Standard output takes a line at once, so that a long log does not gather in memory.
    void writeLine(jsonLine({ ...place, timeMs: chain.timeMs, ...said, ...name }));
  };
}

/** As far as it is known by then: the record that names a queue may come later. */
function nameOf(queue: unknown, state: LogReading['state']): { queueName?: string } {
  const name = typeof queue === 'number' ? state.queuesByNumber.get(queue)?.name : undefined;
  return name ? { queueName: name } : {};
}
