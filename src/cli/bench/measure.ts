/**
 * Runs one workload for a while and takes its figures: messages a second, times, and the processor
 * time a message cost the broker and this process.
 */
import type { Client } from '../../client/client.ts';
import { Tally } from './tally.ts';
import type { TimesSummary } from './times.ts';
import type { Load, Workload } from './workloads.ts';

const warmUpMs = 1_000;
const progressMs = 200;

export interface Figures {
  readonly workload: string;
  readonly messages: number;
  readonly seconds: number;
  readonly messagesPerSecond: number;
  /** Microseconds of processor time for each message. */
  readonly serverCpuUs: number;
  readonly clientCpuUs: number;
  readonly confirm: TimesSummary;
  readonly deliver?: TimesSummary;
}

export type Progress = (share: number, messagesPerSecond: number) => void;

/** Ends early, with the figures so far, when `signal` is aborted. Rejects as its loops do. */
export async function measure(
  workload: Workload,
  load: Load,
  durationMs: number,
  signal: AbortSignal,
  progress: Progress,
): Promise<Figures> {
  const tally = new Tally();
  const loops = Promise.all(workload.loops(load).map((loop) => loop(tally)));
  // Whatever ends first: a loop that fails is not waited for.
  const pass = (ms: number) => Promise.race([pause(ms, signal), loops]);
  await pass(warmUpMs);
  tally.restart();
  const before = await takeUsage(load.clients[0]!);
  const startMs = performance.now();
  const share = () => (performance.now() - startMs) / durationMs;
  const rate = () => (tally.messages * 1000) / (performance.now() - startMs);
  while (share() < 1 && !signal.aborted) {
    await pass(progressMs);
    progress(Math.min(1, share()), rate());
  }
  const { messages } = tally;
  const seconds = (performance.now() - startMs) / 1000;
  const messagesPerSecond = rate();
  const after = await takeUsage(load.clients[0]!);
  const times = tally.times();
  tally.isRunning = false;
  await loops;
  return {
    workload: workload.name,
    messages,
    seconds,
    messagesPerSecond,
    serverCpuUs: (after.serverUs - before.serverUs) / messages,
    clientCpuUs: (after.clientUs - before.clientUs) / messages,
    ...times,
  };
}

/** Processor time used so far, in microseconds. */
async function takeUsage(client: Client): Promise<{ serverUs: number; clientUs: number }> {
  const { cpu } = await client.stats({ queues: false });
  const { userUs, systemUs } = cpu as { userUs: number; systemUs: number };
  const own = process.cpuUsage();
  return { serverUs: userUs + systemUs, clientUs: own.user + own.system };
}

function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, durationMs);
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
  });
}
