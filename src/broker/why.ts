/**
 * The verb `why`: the reasons that the rules give, in words and as figures. Each text is one
 * sentence that needs no other one.
 */
import { DIED_EXPIRED } from '../queue/journal.ts';
import type { Queue } from '../queue/queue.ts';
import { type Reason, why } from '../queue/why.ts';
import { type Arguments, name, whole } from './arguments.ts';
import type { Core } from './core.ts';
import type { Look } from './look.ts';
import type { Described } from './message-description.ts';
import { failure, messageStates } from './record-description.ts';

/** Of what is asked, as it is now. */
export class WhyLook implements Look {
  readonly mayRead = false;
  readonly cost = 1;
  value: Described = {};
  private readonly core: Core;
  private readonly args: Arguments;

  constructor(core: Core, args: Arguments) {
    this.core = core;
    this.args = args;
  }

  goOn(): undefined {
    this.value = describeWhy(this.core, this.args, this.core.time.now());
  }
}

function describeWhy(core: Core, args: Arguments, nowMs: number): Described {
  const queue = core.state.required(name(args));
  const isOfMessage = args.id !== undefined && args.id !== null;
  const wanted = isOfMessage ? whole(args, 'id', 1, Number.MAX_SAFE_INTEGER) : undefined;
  const holdups = {
    isDiskFull: core.admission.reserveHalves === 0,
    isOverloaded: core.admission.isOverloaded,
  };
  const { id, state, reasons } = why(core.state, queue, wanted, holdups, nowMs);
  return {
    id,
    state: state === undefined ? undefined : messageStates[state],
    reasons: reasons.map((reason) => ({
      code: reason.code,
      text: textOf(reason, queue, wanted),
      ...figuresOf(reason),
    })),
  };
}

function figuresOf(reason: Reason): object {
  const { code: _, ...figures } = reason;
  if (reason.code !== 'DEAD') return figures;
  return { failureCount: reason.failureCount, last: reason.last && failure(reason.last) };
}

function textOf(reason: Reason, queue: Queue, wanted: number | undefined): string {
  const { name: of } = queue;
  switch (reason.code) {
    case 'GONE':
      return reason.isNew
        ? `no message has had the ID ${wanted} yet`
        : `there is no message ${wanted} in queue ${of}: it left it, or was never there`;
    case 'EMPTY':
      return `queue ${of} has no messages`;
    case 'NONE_READY':
      return `no message of queue ${of} is ready: ${countsOf(reason)}`;
    case 'DEAD':
      return deadText(reason);
    case 'UNREADABLE':
      return 'its bytes on the disk no longer check, so that nobody can be given them';
    case 'DELAYED':
      return `it is delayed until ${timeOf(reason)}`;
    case 'LEASED':
      return `it is leased to ${holderOf(reason.client)} until ${timeOf(reason)}`;
    case 'EXPIRED':
      return `its time to live ended at ${new Date(reason.expiresMs).toISOString()}`;
    case 'PAUSED':
      return `queue ${of} is paused (${reason.paused}): nothing is delivered until it is resumed`;
    default:
      return textOfReady(reason, of);
  }
}

type ReadyReason = Exclude<
  Reason,
  {
    code:
      | 'GONE'
      | 'EMPTY'
      | 'NONE_READY'
      | 'DEAD'
      | 'UNREADABLE'
      | 'DELAYED'
      | 'LEASED'
      | 'EXPIRED'
      | 'PAUSED';
  }
>;

function textOfReady(reason: ReadyReason, of: string): string {
  switch (reason.code) {
    case 'DISK_FULL':
      return 'the disk is full: deliveries wait until there is space';
    case 'OVERLOADED':
      return 'too much is on its way to the disk or to slow readers: deliveries wait for that';
    case 'OTHERS_FIRST': {
      const { messages, isMore } = reason;
      const are = messages === 1 ? 'message is' : 'messages are';
      return `${isMore ? 'at least ' : ''}${messages} ${are} before it, by priority or ID`;
    }
    case 'GROUP_HELD':
      return `message ${reason.by} of its group is before it, and not settled`;
    case 'OTHER_GROUPS_FIRST': {
      const { groups, isMore } = reason;
      const are = groups === 1 ? 'group is' : 'groups are';
      return `${isMore ? 'at least ' : ''}${groups} ${are} before it, by turn or ID`;
    }
    case 'BODY_BEING_READ':
      return `the next body of queue ${of} is being read from the disk`;
    case 'NOBODY_WAITS':
      return `nobody waits for messages of queue ${of}`;
    case 'NO_CREDIT': {
      const { subscriptions } = reason;
      const have = subscriptions === 1 ? 'subscription has' : 'subscriptions have';
      return `${subscriptions} ${have} no credit: no more is pushed until there is some`;
    }
    case 'CANNOT_TAKE': {
      const who = reason.waiting === 1 ? '1 that waits has' : `${reason.waiting} that wait have`;
      return `${who} to read first what was sent before`;
    }
    case 'SOON':
      return 'it is about to be delivered';
  }
}

function countsOf(counts: Extract<Reason, { code: 'NONE_READY' }>): string {
  const { held, inFlight, delayed, dead, unreadable } = counts;
  const named = [
    [held, 'held by their groups'],
    [inFlight, 'in flight'],
    [delayed, 'delayed'],
    [dead, 'dead'],
    [unreadable, 'unreadable'],
  ] as const;
  const told = named.filter(([count]) => count > 0);
  return told.map(([count, what]) => `${count} ${what}`).join(', ');
}

function deadText({ failureCount, last }: Extract<Reason, { code: 'DEAD' }>): string {
  const isDead = 'it is dead: nobody gets it until it is redriven';
  if (last?.reason === DIED_EXPIRED) return `its time to live is over; ${isDead}`;
  const often = failureCount === 1 ? 'once' : `${failureCount} times`;
  const failed = failureCount === 0 ? '' : `it failed ${often}${lastText(last)}; `;
  return `${failed}${isDead}`;
}

function lastText(last: Extract<Reason, { code: 'DEAD' }>['last']): string {
  if (last === undefined) return '';
  const { reason, consumer, text } = failure(last);
  const by = consumer === undefined ? '' : ` by client ${JSON.stringify(consumer)}`;
  return `, the last time ${reason}${by}${text === undefined ? '' : `: ${JSON.stringify(text)}`}`;
}

function holderOf(client: string | undefined): string {
  if (client === undefined) return 'nobody in particular (a detached lease)';
  return client === '' ? 'a client without a name' : `client ${JSON.stringify(client)}`;
}

function timeOf({ untilMs, isOver }: { untilMs: number; isOver: boolean }): string {
  return `${new Date(untilMs).toISOString()}${isOver ? ', which is over' : ''}`;
}
