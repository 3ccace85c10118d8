/**
 * Random commands for a `Comparison`: what clients, operators, time and the disk may do, in any order, with
 * receipts of every kind that a client could come up with.
 */
import { forgetDuplicates } from '../../../src/queue/produce-once.ts';
import type { Random } from '../../support/random.ts';
import { browseSome } from './browsing.ts';
import type { Client, Comparison } from './comparison.ts';
import type { ModelTimes } from './model.ts';
import type { ModelSettings } from './model-templates.ts';
import { toldState } from './model-turns.ts';
import type { Receipt } from './rig.ts';

const names = ['a', 'b', 'c', 'd', 'e'];
const patterns = ['a', 'a*', '*b', 'z*', '*'];
/** A queue drops nothing while messages of groups are in it. */
const groupedNames = ['a', 'b'];
const keys = ['k1', 'k2', 'k3', 'k4'];
/** Fewer than one slice, so that all that is due at one time happens in one slice. */
const liveMax = 900;
const priorities = [0, 0, 0, 1, 7, 255];

type Command = (comparison: Comparison, random: Random) => void;

const commands: readonly (readonly [weight: number, command: Command])[] = [
  [22, produceSome],
  [16, receiveSome],
  [4, subscribeSome],
  [6, addCredit],
  [3, leaveOne],
  [40, settleSome],
  [5, connectOne],
  [3, disconnectOne],
  [1, byeOne],
  [0.6, purgeOne],
  [0.5, deleteOne],
  [2, configureOne],
  [3, setTemplate],
  [3, deleteTemplate],
  [14, redriveSome],
  [6, steerSome],
  [3, blockOrUnblock],
  [12, passTime],
  [12, (comparison) => comparison.expire()],
  [2, ({ rig }) => forgetDuplicates(rig.state, rig.nowMs)],
  [34, (comparison) => comparison.dispatch()],
  [4, deliverLate],
  [3, coolDown],
  [6, completeFetch],
  [8, browseSome],
];
const weightSum = commands.reduce((sum, [weight]) => sum + weight, 0);

export function randomCommand(comparison: Comparison, random: Random): void {
  let left = random.fraction() * weightSum;
  const [, command] = commands.find(([weight]) => {
    left -= weight;
    return left < 0;
  })!;
  command(comparison, random);
  comparison.model.turns.update(comparison.model, comparison.rig.nowMs);
}

function someNames(random: Random): string[] {
  return random.shuffle(names).slice(0, random.pick([1, 1, 1, 2, 3]));
}

function produceSome(comparison: Comparison, random: Random): void {
  const wanted = random.chance(0.02) ? random.integer(100, 700) : random.integer(1, 6);
  const { nowMs } = comparison.rig;
  const count = Math.min(wanted, liveMax - liveCount(comparison));
  if (count <= 0) return;
  const bodies = Array.from({ length: count }, (_, at) => {
    const length = random.chance(0.01) ? random.integer(60_000, 150_000) : random.integer(1, 30);
    return Buffer.alloc(length, `${comparison.model.nextId + at} `);
  });
  if (random.chance(0.3)) {
    const known = () => (random.chance(0.8) ? `order ${random.integer(1, 60)}` : undefined);
    comparison.produceOnce(random.pick(names), bodies, bodies.map(known));
    return;
  }
  const times = someTimes(random, nowMs);
  if (random.chance(0.4)) {
    const group = random.pick(['east', 'west', 'north']);
    comparison.produce(random.pick(groupedNames), bodies, 0, { ...times, group });
    return;
  }
  comparison.produce(random.pick(names), bodies, random.pick(priorities), times);
}

function someTimes(random: Random, nowMs: number): ModelTimes {
  const life = random.chance(0.2) ? { timeToLiveMs: random.integer(1, 12_000) } : {};
  if (random.chance(0.2)) return { ...life, delayMs: random.integer(1, 8_000) };
  if (random.chance(0.9)) return life;
  return { ...life, notBeforeMs: nowMs + random.integer(-4_000, 8_000) };
}

function liveCount({ model }: Comparison): number {
  return [...model.queues.values()].reduce((sum, { messages }) => sum + messages.length, 0);
}

function takeOptions(client: Client, random: Random) {
  const bytes = random.chance(0.2) ? random.integer(1, 200) : Number.POSITIVE_INFINITY;
  const visibilityMs = random.chance(0.5) ? random.integer(1, 9_000) : 0;
  const session = random.chance(0.3) ? undefined : client.session;
  return { bytes, visibilityMs, session };
}

function receiveSome(comparison: Comparison, random: Random): void {
  const client = random.pick(comparison.clients);
  const messages = random.chance(0.05) ? 2_000 : random.integer(1, 12);
  const waiting = random.chance(0.5) ? { waitMs: random.integer(1, 6_000) } : {};
  const options = { ...takeOptions(client, random), messages, ...waiting };
  comparison.take(client, 'receive', someNames(random), options);
}

function subscribeSome(comparison: Comparison, random: Random): void {
  if (comparison.takers.size > 12) return;
  const client = random.pick(comparison.clients);
  const options = { ...takeOptions(client, random), messages: random.integer(0, 20) };
  comparison.take(client, 'subscribe', someNames(random), options);
}

function aTaker(comparison: Comparison, random: Random, wanted: 'subscription' | 'any') {
  const handles = [...comparison.takers]
    .filter(([, { kind }]) => wanted === 'any' || kind === wanted)
    .map(([handle]) => handle);
  return handles.length === 0 ? undefined : random.pick(handles);
}

function addCredit(comparison: Comparison, random: Random): void {
  const handle = aTaker(comparison, random, 'subscription');
  if (handle !== undefined)
    comparison.credit(handle, random.integer(0, 20), random.integer(0, 300));
}

function leaveOne(comparison: Comparison, random: Random): void {
  const handle = aTaker(comparison, random, 'any');
  if (handle !== undefined) comparison.leave(handle);
}

function settleSome(comparison: Comparison, random: Random): void {
  if (comparison.handed.length === 0) return;
  const { queue, key } =
    comparison.handed[comparison.handed.length - 1 - recent(comparison, random)]!;
  const owner = comparison.clients.find((client) => client.key === key);
  const client =
    owner === undefined || random.chance(0.15) ? random.pick(comparison.clients) : owner;
  const count = random.chance(0.1) ? 200 : random.integer(1, 6);
  const receipts = Array.from({ length: count }, () => aReceipt(comparison, queue, random));
  const whats = ['ack', 'ack', 'ack', 'ackCurrent', 'nack', 'release', 'extend'] as const;
  const what = random.pick(whats);
  const isLong = random.chance(0.5);
  const ms = isLong ? random.integer(1, 9_000) : random.pick([0, undefined]);
  comparison.settle(what, queue, client, receipts, ms, random.pick(['', 'why', 'no address']));
  const kept = 4_000;
  if (comparison.handed.length > 2 * kept) comparison.handed.splice(0, kept);
}

/** Mostly one handed out not long ago. */
function recent(comparison: Comparison, random: Random): number {
  const all = comparison.handed.length;
  return random.integer(0, Math.min(all, random.chance(0.95) ? 25 : all) - 1);
}

function aReceipt(comparison: Comparison, queue: string, random: Random): Receipt {
  for (let tries = 0; tries < 8; tries += 1) {
    const handed = comparison.handed[comparison.handed.length - 1 - recent(comparison, random)]!;
    const [id, token] = handed.receipt;
    if (random.chance(0.03)) return [id, token + random.integer(-2, 2)];
    if (random.chance(0.02)) return [random.integer(0, id + 20), token];
    if (handed.queue === queue) return handed.receipt;
  }
  return [random.integer(1, comparison.model.nextId), random.integer(0, 2 ** 48)];
}

function connectOne(comparison: Comparison, random: Random): void {
  const key = random.pick(keys);
  const isKnown = comparison.model.sessions.has(key);
  const client = comparison.connect(key);
  if (!isKnown || random.chance(0.3)) return;
  const held = new Map<string, Map<number, number>>();
  for (const { queue, receipt, key: of } of comparison.handed.slice(-200)) {
    if (of !== key || random.chance(0.5)) continue;
    const tokens = held.get(queue) ?? new Map<number, number>();
    tokens.set(receipt[0], receipt[1]);
    held.set(queue, tokens);
  }
  comparison.resume(client, held);
}

function aClient(comparison: Comparison, random: Random): Client | undefined {
  const withSession = comparison.clients.filter(({ key }) => key !== undefined);
  return withSession.length === 0 ? undefined : random.pick(withSession);
}

function disconnectOne(comparison: Comparison, random: Random): void {
  const client = aClient(comparison, random);
  if (client !== undefined) comparison.disconnect(client);
}

function byeOne(comparison: Comparison, random: Random): void {
  const client = aClient(comparison, random);
  if (client !== undefined) comparison.bye(client);
}

function purgeOne(comparison: Comparison, random: Random): void {
  comparison.purge(random.pick(names));
}

function deleteOne(comparison: Comparison, random: Random): void {
  comparison.delete(random.pick(names));
}

function configureOne(comparison: Comparison, random: Random): void {
  const name = random.pick(names);
  const others = names.filter((other) => other !== name);
  comparison.configure(name, {
    ...someSettings(random, others),
    pausesProduce: random.chance(0.1),
    pausesReceive: random.chance(0.2),
  });
}

function setTemplate(comparison: Comparison, random: Random): void {
  comparison.setTemplate(random.pick(patterns), someSettings(random, names));
}

function deleteTemplate(comparison: Comparison, random: Random): void {
  comparison.deleteTemplate(random.pick(patterns));
}

function someSettings(random: Random, others: readonly string[]): ModelSettings {
  return {
    visibilityMs: random.integer(1, 20_000),
    failuresMax: random.pick([1, 1, 2, Number.POSITIVE_INFINITY]),
    discards: random.chance(0.2),
    deadQueue: random.chance(0.3) ? random.pick(others) : undefined,
    backoffMs: random.pick([0, 0, 1, 300]),
    backoff: random.pick(['fixed', 'linear', 'exponential']),
    backoffMsMax: random.pick([1_000, 5_000, Number.POSITIVE_INFINITY]),
    timeToLiveMs: random.chance(0.3) ? random.integer(1, 9_000) : Number.POSITIVE_INFINITY,
    keepsOverdue: random.chance(0.7),
    deduplicationMs: random.integer(1, 60_000),
    messagesMax: random.chance(0.2) ? random.integer(1, 40) : Number.POSITIVE_INFINITY,
    bytesMax: random.chance(0.1) ? random.integer(1, 600) : Number.POSITIVE_INFINITY,
    dropsOldest: random.chance(0.5),
  };
}

function redriveSome(comparison: Comparison, random: Random): void {
  const one = random.integer(1, comparison.model.nextId);
  const ids = Array.from({ length: 100 }, (_, at) => one + at);
  const name = random.pick(names);
  const to = random.chance(0.7) ? name : random.pick(names);
  comparison.redrive(name, to, random.chance(0.3) ? ids : undefined);
}

/** Mostly messages of the queue, as they are or as they are not. */
function steerSome(comparison: Comparison, random: Random): void {
  const [name, to] = random.shuffle(names) as [string, string];
  const messages = comparison.model.queues.get(name)?.messages ?? [];
  if (messages.length === 0) return;
  const seen = Array.from({ length: random.integer(1, 5) }, () => {
    const message = random.pick(messages);
    const { id, deliveryCount } = message;
    const state = toldState(messages, message);
    return {
      id: random.chance(0.1) ? random.integer(1, comparison.model.nextId) : id,
      state: random.pick([undefined, state, 'ready'] as const),
      deliveryCount: random.pick([undefined, deliveryCount, deliveryCount, deliveryCount + 1]),
    };
  });
  comparison.steer(name, random.chance(0.5) ? to : undefined, seen);
}

function blockOrUnblock(comparison: Comparison, random: Random): void {
  const { connection } = random.pick(comparison.clients);
  if (connection.isBlocked) comparison.rig.unblock(connection);
  else connection.isBlocked = true;
}

function passTime(comparison: Comparison, random: Random): void {
  const { rig } = comparison;
  if (random.chance(0.01)) rig.nowMs += random.integer(500_000, 700_000);
  else if (random.chance(0.1)) rig.nowMs += random.integer(1_000, 12_000);
  else rig.nowMs += random.integer(0, 400);
}

/** Before what is due has happened. */
function deliverLate(comparison: Comparison, random: Random): void {
  comparison.rig.nowMs += random.integer(1_000, 6_000);
  comparison.dispatch();
}

/** What was produced until now is on the disk only. */
function coolDown(comparison: Comparison, random: Random): void {
  const { rig } = comparison;
  rig.warm.clear();
  rig.coldBefore = random.chance(0.3) ? 0 : rig.recorder.end;
}

function completeFetch(comparison: Comparison): void {
  if (comparison.rig.fetches.length > 0) comparison.rig.completeFetch();
}
