/**
 * A whole copy of a validated log in another directory: its segments up to their last batch, and a
 * checkpoint that says that this is all. It is that of a clean stop, so that any byte that is lost
 * of the copy later is found.
 */
import { checkpointAt, writeCheckpoint } from './checkpoint.ts';
import { copyFile } from './files.ts';
import type { Segments } from './segments.ts';
import type { Snapshot } from './snapshot.ts';
import type { Storage } from './storage.ts';
import type { Findings } from './validation.ts';

/** On return the copy is durable. */
export async function copyLog(
  snapshot: Snapshot,
  findings: Findings,
  segments: Segments,
  target: Storage,
): Promise<void> {
  for (const { name, fileBytes } of segments.all) {
    const source = await snapshot.open(name, 'read');
    await copyFile(source, 0, fileBytes, target, name);
  }
  await target.syncDir();
  const { chain, epoch } = findings;
  const segment = segments.newest?.number ?? 0;
  await writeCheckpoint(target, checkpointAt(chain, { isClean: true, epoch, segment }));
}
