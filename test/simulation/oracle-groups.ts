/**
 * Message groups: of each group one message is out at a time, and none before those with lower IDs
 * that are still there.
 */
import {
  type History,
  isFleeting,
  isMaybeAcked,
  isMaybePurged,
  name,
  Violation,
} from './oracle-history.ts';
import type { Lease, Message } from './oracle-records.ts';

/** A delivery arrived, and is among the leases of its message. */
export function checkGroup(history: History, lease: Lease): void {
  const { message } = lease;
  if (message.group === undefined || lease.isDoubtful) return;
  for (const other of history.ofQueue(message.queue)) {
    if (other === message || other.group !== message.group) continue;
    // What may be settled holds up nobody.
    if (other.gone !== undefined || isMaybeAcked(other) || isMaybePurged(other)) continue;
    history.counts.groupChecks += 1;
    checkAlone(history, lease, other);
    checkOrder(history, lease, other);
  }
}

function checkAlone(history: History, lease: Lease, other: Message): void {
  for (const held of other.leases) {
    if (held.queue !== lease.queue || held.arrivedMs > lease.askedMs) continue;
    if (!history.isCertain(held, lease.life, lease.arrivedMs)) continue;
    throw new Violation(`${name(lease.message)} was delivered beside ${name(other)} of its group`);
  }
}

/** What died in its queue holds up nobody; what is in doubt may be gone. */
function checkOrder(history: History, lease: Lease, other: Message): void {
  if (other.id === undefined || other.id > lease.id || lease.queue !== other.queue) return;
  if (history.settings.mortalQueues.includes(other.queue) || isFleeting(other)) return;
  const { confirmed } = other;
  if (confirmed === undefined || history.isUndoable(confirmed)) return;
  if (confirmed.atMs >= lease.askedMs) return;
  throw new Violation(`${name(lease.message)} was delivered before ${name(other)} of its group`);
}
