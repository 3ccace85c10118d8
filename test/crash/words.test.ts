// limit: 300 s
// 100,000 lines (30,000 outside of CI) of a word list through the command line, three competing consumers, and a broker
// that is killed five times meanwhile: every line is processed, none that was acknowledged comes
// back, and leases taken before a kill acknowledge after it, from another process. Row E1 of
// docs/reliability.md.

import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ownLoopback } from '../../src/cli/loopback.ts';
import { connect } from '../../src/client/client.ts';
import { main, programWords, serve, urlOf, wonderq } from '../support/broker.ts';
import { eventually } from '../support/eventually.ts';
import { type Start, type TestProcess, withProcesses } from '../support/processes.ts';
import { withTemporary } from '../support/temporary.ts';
import { Findings } from './support/findings.ts';

const wordList = '/usr/share/dict/words';
const lineCount = process.env.WONDERQ_CRASH === undefined ? 30_000 : 100_000;
const kills = 5;
const consumerCount = 3;
/** Of what was given to the producer since the kill before. */
const killAtShare = 0.3;
const queue = 'words';
const nothing = { lost: 0, unconfirmed: 0, ackedTwice: 0, cameBack: 0 };
const patience = { deadlineMs: 120_000, intervalMs: 50 };

function readLines(): string[] | undefined {
  try {
    return readFileSync(wordList, 'utf8').split('\n').slice(0, lineCount);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function listening(start: Start, dataDir: string, port: string) {
  const broker = serve(start, dataDir, { port, flags: ['--host', ownLoopback()] });
  return { broker, url: await urlOf(broker) };
}

interface Held {
  readonly id: number;
  readonly receipt: string;
  readonly body: string;
  readonly deliveryCount: number;
}

/** By one process of the command line, whose leases outlive it. */
async function receive(url: string): Promise<Held[]> {
  const words = ['receive', queue, '--max', '3', '--wait', '20000', '--visibility', '600000'];
  const { code, stdout, stderr } = await wonderq(...words, '--json', '--url', url);
  assert.is(code, 0, stderr);
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  return lines.map((line) => ({ ...line, id: Number(line.id) }));
}

/** Until the consumers and the command line wait for messages: else they would be gone too soon. */
async function everybodyWaits(url: string): Promise<void> {
  const client = await connect(url, { name: 'test' });
  const everybody = consumerCount + 1;
  const areThere = async () => (await client.getQueue(queue)).waiting === everybody;
  await eventually('everybody waits', areThere, patience);
  await client.close();
}

/** By another one. */
async function ack(url: string, held: readonly Held[]): Promise<string[]> {
  const receipts = held.map(({ receipt }) => receipt);
  const { stdout } = await wonderq('ack', queue, ...receipts, '--url', url);
  return stdout.trimEnd().split('\n');
}

const outputs = (processes: readonly TestProcess[]) =>
  processes.map(({ stdout }) => stdout.slice(0, stdout.lastIndexOf('\n') + 1));

/** Kills and restarts the broker while a producer and consumers work; what they printed. */
async function workWithKills(start: Start, dataDir: string, lines: readonly string[]) {
  let { broker, url } = await listening(start, dataDir, '0');
  await wonderq('queues', 'create', queue, '--url', url);
  const parameters = [...programWords('test/crash/support/word-consumer.ts'), url, queue];
  const consumers = Array.from({ length: consumerCount }, () =>
    start(process.execPath, parameters),
  );
  const produce = [...main, 'produce', queue, '--stdin', '--url', url];
  const producer = start(process.execPath, produce, { isInputOpen: true });
  const byCommand: (Held & { outcome: string })[] = [];
  const acked = () => Findings.of(outputs(consumers)).acked + byCommand.length;
  const part = lines.length / kills;
  for (let from = 0; from < lines.length; from += part) {
    // What is left of the part before is for the consumers: else the command would be gone too soon.
    await eventually(`${from} acknowledged`, () => acked() >= from, patience);
    const receiving = receive(url);
    await everybodyWaits(url);
    producer.write(`${lines.slice(from, from + part).join('\n')}\n`);
    const held = await receiving;
    const enough = from + killAtShare * part;
    await eventually(`${enough} acknowledged`, () => acked() > enough, patience);
    await broker.end('SIGKILL');
    ({ broker } = await listening(start, dataDir, new URL(url).port));
    const outcomes = await ack(url, held);
    byCommand.push(...held.map((one, at) => ({ ...one, outcome: outcomes[at]! })));
  }
  producer.endInput();
  await eventually('all acknowledged', () => acked() >= lines.length, patience);
  assert.is((await producer.ended).code, 0, producer.stderr);
  for (const consumer of consumers) {
    assert.is((await consumer.end('SIGTERM')).code, 0, consumer.stderr);
  }
  assert.is((await broker.end('SIGTERM')).code, 0);
  const findings = Findings.of(outputs(consumers));
  for (const { id, deliveryCount, body, outcome } of byCommand) {
    findings.receive(id, deliveryCount, body);
    if (outcome === 'ok') findings.ack(id, deliveryCount);
  }
  const confirmed = producer.stdout.trimEnd().split('\n').map(Number);
  return { findings, confirmed, outcomes: byCommand.map(({ outcome }) => outcome) };
}

test('a word list goes through five kills whole, and nothing acknowledged comes back', async () => {
  const lines = readLines();
  if (lines === undefined) {
    console.log(`not run: the word list through five kills, since there is no ${wordList}`);
    return;
  }
  assert.is(lines.length, lineCount);
  const { findings, confirmed, outcomes } = await withTemporary((dataDir) =>
    withProcesses((start) => workWithKills(start, dataDir, lines)),
  );
  const texts = new Set(findings.texts.values());
  const report = {
    test: 'word list',
    lines: lines.length,
    kills,
    confirmed: new Set(confirmed).size,
    acked: findings.acked,
    heldOverKill: outcomes.filter((outcome) => outcome === 'ok').length,
    redelivered: findings.redelivered,
    lost: lines.filter((line) => !texts.has(line)).length,
    unconfirmed: [...findings.texts.keys()].length - confirmed.length,
    ackedTwice: findings.ackedTwice,
    cameBack: findings.cameBack,
  };
  console.log(JSON.stringify(report));
  assert.equal([report.confirmed, report.acked], [lineCount, lineCount]);
  assert.is(report.heldOverKill, kills * 3);
  const { lost, unconfirmed, ackedTwice, cameBack } = report;
  assert.equal({ lost, unconfirmed, ackedTwice, cameBack }, nothing);
});

test.run();
