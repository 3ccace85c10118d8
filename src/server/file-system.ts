/**
 * What kind of file system a directory is on, where that says something about what survives.
 */
import { statfsSync } from 'node:fs';

/** Numbers by which Linux tells them apart (statfs(2)). */
const MEMORY: ReadonlySet<number> = new Set([0x01021994, 0x858458f6]);
const NETWORK: ReadonlySet<number> = new Set([
  0x6969, // NFS
  0xff534d42, // CIFS
  0xfe534d42, // SMB2
  0x517b, // SMB
  0x00c36400, // Ceph
  0x01021997, // 9p
  0x47504653, // GPFS
  0x6b414653, // AFS
]);

/** Why what is confirmed may not outlive what the broker promises, or undefined. */
export function doubtAbout(directory: string): string | undefined {
  return process.platform === 'linux' ? doubtOf(statfsSync(directory).type) : undefined;
}

/** `type`: as statfs(2) tells it; some are told as negative numbers. */
export function doubtOf(type: number): string | undefined {
  if (MEMORY.has(type >>> 0)) return 'the log is in memory: it is gone with the machine';
  if (!NETWORK.has(type >>> 0)) return undefined;
  return 'the log is on a network file system: what is synced there is as safe as its server says';
}
