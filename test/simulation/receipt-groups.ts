/** Leases as receipts on the wire: grouped by queue. */
import type { ReceiptGroup } from '../../src/protocol/requests.ts';
import type { Lease, Settle } from './oracle-records.ts';

export function groupsOf(leases: readonly Lease[]): ReceiptGroup[] {
  const groups = new Map<string, { id: number; token: number }[]>();
  for (const { id, queue, token } of leases) {
    const receipts = groups.get(queue) ?? [];
    receipts.push({ id, token });
    groups.set(queue, receipts);
  }
  return [...groups].map(([queue, receipts]) => ({ queue, receipts }));
}

interface SettleGroup {
  readonly queue: string;
  readonly receipts: { id: number; token: number }[];
  readonly of: Lease[];
}

/** The leases of each queue. */
export function groupsWith(leases: readonly Lease[]): SettleGroup[] {
  return groupsOf(leases).map(({ queue, receipts }) => ({
    queue,
    receipts: [...receipts],
    of: leases.filter((lease) => lease.queue === queue),
  }));
}

/** The requests in the order in which their receipts stand on the wire. */
export function groupedAs(leases: readonly Lease[], settles: readonly Settle[]): Settle[][] {
  return groupsWith(leases).map(({ of }) => of.map((lease) => settles[leases.indexOf(lease)]!));
}
