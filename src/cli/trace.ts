/**
 * `wonderq trace`: what the log knows of one message, in order, and how far back it goes. It reads
 * the log of a data directory, of a running broker too, and costs the broker nothing.
 */
import type { Command } from 'commander';
import { readLogState } from '../broker/log-state.ts';
import { processRuntime } from '../broker/runtime.ts';
import { type Failed, type Place, type Step, type Trace, Tracer } from '../broker/trace.ts';
import { WonderqError } from '../errors.ts';
import {
  type DirectoryFlags,
  dataDirOf,
  refuseIfEmpty,
  withDirectory,
  withSnapshot,
} from './log/directory.ts';
import { withProgress } from './log/progress.ts';
import { parsed, parseWhole } from './parse.ts';
import { counted, jsonLine, table, writeLine } from './text.ts';

const parseId = parseWhole(1, Number.MAX_SAFE_INTEGER);

export function addTrace(program: Command): void {
  withDirectory(program.command('trace'))
    .description('what happened to a message, as far back as the log goes; needs no broker')
    .argument('<queue>')
    .argument('<id>')
    .option('--json', 'one object')
    .action(trace);
}

async function trace(queue: string, text: string, flags: DirectoryFlags): Promise<void> {
  const id = parsed('the message ID', parseId, text)!;
  const dataDir = dataDirOf(flags);
  const found = await withSnapshot(dataDir, async (snapshot) => {
    const tracer = new Tracer(id);
    await withProgress(snapshot, () => readLogState(snapshot, processRuntime, tracer.watch));
    await refuseIfEmpty(snapshot, dataDir);
    return tracer.result();
  });
  refuseUnlessIn(queue, id, found);
  const { steps, oldest } = found;
  const object = { queue, id: String(id), steps: steps.map(plain), oldest };
  await writeLine(flags.json ? jsonLine(object) : describe(found));
}

function refuseUnlessIn(queue: string, id: number, { queue: itsQueue, queues, oldest }: Trace) {
  if (itsQueue === queue) return;
  const reach = reachOf(oldest);
  if (!queues.has(queue)) {
    throw new WonderqError('QUEUE_NOT_FOUND', `the log knows no queue "${queue}"; ${reach}`);
  }
  const elsewhere = itsQueue === undefined ? '' : `, but of one in "${itsQueue}"`;
  const what = `the log knows of no message ${id} in "${queue}"${elsewhere}; ${reach}`;
  throw new WonderqError('GONE', what);
}

/** Without what says nothing. */
function plain(step: Step): object {
  return 'dueMs' in step && step.dueMs === 0 ? { ...step, dueMs: undefined } : step;
}

function describe({ steps, oldest }: Trace): string {
  const rows = steps.map((step) => [isoOf(step.timeMs), wordsOf(step), step.position]);
  rows.splice(1, 0, ...failuresBefore(steps[0]!));
  const isWhole = steps[0]!.what === 'produced';
  const before = isWhole ? '' : 'what was before is not in the log any more: ';
  return `${table(rows)}\n\n${before}${reachOf(oldest)}`;
}

function reachOf(oldest: Place | undefined): string {
  if (oldest === undefined) return 'it holds no record';
  return `it goes back to ${isoOf(oldest.timeMs)}, position ${oldest.position}`;
}

function wordsOf(step: Step): string {
  switch (step.what) {
    case 'produced': {
      const size = counted(step.bytes, 'byte');
      const life = step.expiresMs === undefined ? '' : `, to live until ${isoOf(step.expiresMs)}`;
      return `produced with ${size}, priority ${step.priority}${delayOf(step.dueMs)}${life}`;
    }
    case 'copied':
      return step.bytes === undefined
        ? 'copied by compaction without its bytes, which are unreadable'
        : `copied by compaction with ${counted(step.bytes, 'byte')}, ${step.state}`;
    case 'delivered': {
      const count = step.deliveryCount === undefined ? '' : `, as delivery ${step.deliveryCount}`;
      const until = `until ${isoOf(step.dueMs)}`;
      return `delivered ${receiverOf(step)} under receipt ${step.receipt} ${until}${count}`;
    }
    case 'extended':
      return `extended until ${isoOf(step.dueMs)}`;
    case 'returned':
      return `came back: ${failureOf(step)}${delayOf(step.dueMs)}`;
    case 'unreadable':
      return 'its bytes on the disk no longer check';
    case 'died':
      return step.reason === 'time to live over'
        ? 'dead: its time to live was over'
        : `dead: it failed once too often, the last time ${failureOf(step)}`;
    case 'moved':
      return step.failed === undefined
        ? `moved here from another queue by ${operatorOf(step)}`
        : `moved here: it failed once too often, the last time ${failureOf(step.failed)}`;
    case 'redriven':
      return 'redriven: ready again, with no failures';
    case 'acked':
      return 'acked';
    case 'discarded':
      return 'discarded: it failed once too often';
    case 'expired':
      return 'expired: its time to live was over';
    case 'dropped':
      return 'dropped: the queue was full, and newer messages came';
    case 'purged':
      return 'purged with all messages of its queue';
    case 'deleted':
      return step.by === undefined ? 'deleted with its queue' : `deleted by ${operatorOf(step)}`;
  }
}

/** What a copy still tells of failures that the log has no record of any more. */
function failuresBefore(first: Step): (string | number)[][] {
  if (first.what !== 'copied') return [];
  const { failures = [], position } = first;
  return failures.map((failed) => {
    const at = failed.atMs === undefined ? '' : isoOf(failed.atMs);
    return [at, `had failed: ${failureOf(failed)}`, position];
  });
}

function failureOf({ reason, consumer, text }: Failed): string {
  const by = consumer === undefined ? '' : ` by ${jsonLine(consumer)}`;
  return `${reason}${by}${text === undefined ? '' : `: ${jsonLine(text)}`}`;
}

function delayOf(dueMs: number): string {
  return dueMs === 0 ? '' : `, delayed until ${isoOf(dueMs)}`;
}

function receiverOf({ session, client }: { session: number; client?: string }): string {
  if (session === 0) return 'without a session';
  return `to session ${session}${client ? ` of client ${jsonLine(client)}` : ''}`;
}

/** Without a name where its client has none, or where an old record does not tell it. */
function operatorOf({ by }: { by?: string }): string {
  return by ? `client ${jsonLine(by)}` : 'an operator';
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}
