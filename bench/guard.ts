// A coarse guard against the broker getting slow, for `.ci/run`: the processor time that a message
// costs it, as a ratio to a reference loop in the same run. It fails where that is twice what was
// measured by hand, which no noise of a machine explains. Finer figures: docs/performance.md.

import { execFile } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';

/** Broker to reference, as measured by hand; see docs/performance.md. */
const measured = { produce: 4.1, cycle: 6.1 };
const tolerance = 2;

const referenceMessages = 400_000;
const bodyBytes = 256;
const main = path.join(import.meta.dirname, '../dist/src/cli/main.js');

/** What every broker of this kind does at least: copy a body, sum it up, write it in big pieces. */
function referenceUs(directory: string): number {
  const body = Buffer.alloc(bodyBytes, 'reference');
  const piece = Buffer.alloc(64 * 1024);
  const file = openSync(path.join(directory, 'reference'), 'w');
  const before = process.cpuUsage();
  let at = 0;
  for (let message = 0; message < referenceMessages; message += 1) {
    if (at + bodyBytes > piece.length) {
      writeSync(file, piece, 0, at, 0);
      at = 0;
    }
    body.copy(piece, at);
    piece.writeUInt32BE(crc32(piece.subarray(at, at + bodyBytes)), at);
    at += bodyBytes;
  }
  const { user, system } = process.cpuUsage(before);
  closeSync(file);
  return (user + system) / referenceMessages;
}

interface Figures {
  readonly workload: keyof typeof measured;
  readonly serverCpuUs: number;
}

async function brokerFigures(directory: string): Promise<Figures[]> {
  const words = ['bench', 'produce', 'cycle', '--seconds', '4', '--json', '--dir', directory];
  const { stdout } = await promisify(execFile)(process.execPath, [main, ...words]);
  return JSON.parse(stdout).workloads;
}

const directory = mkdtempSync('wonderq-guard-');
try {
  referenceUs(directory);
  const before = referenceUs(directory);
  const figures = await brokerFigures(directory);
  const reference = (before + referenceUs(directory)) / 2;
  let isSlow = false;
  for (const { workload, serverCpuUs } of figures) {
    const ratio = serverCpuUs / reference;
    const ratioMax = measured[workload] * tolerance;
    isSlow ||= ratio > ratioMax;
    const line = { guard: workload, serverCpuUs, referenceUs: reference, ratio, ratioMax };
    console.log(JSON.stringify(line));
  }
  process.exitCode = isSlow ? 1 : 0;
} finally {
  rmSync(directory, { recursive: true });
}
