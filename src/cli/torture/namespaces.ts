/**
 * A mount namespace and a process namespace: when the program in them ends, however it ends, the
 * kernel ends its processes and undoes its mounts and loop devices.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { endWithParent } from '../child.ts';
import { EXIT } from '../failure.ts';

/** Of `unshare`; the command to run follows. */
export const namespaceFlags = [
  ...['--mount', '--propagation', 'private', '--pid', '--fork', '--mount-proc', '--kill-child'],
] as const;

/**
 * Runs the command line of this process once more, with one word more, in namespaces of its own.
 * Tells it when `signal` is aborted. Returns its exit code.
 */
export async function runAgainInNamespaces(word: string, signal: AbortSignal): Promise<number> {
  const command = [...process.execArgv, ...process.argv.slice(1), word];
  const node = [process.execPath, ...endWithParent, ...command];
  const child = spawn('unshare', [...namespaceFlags, ...node], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  // `unshare` hears no signals; what runs in it takes the end of the channel for one.
  signal.addEventListener('abort', () => child.connected && child.disconnect());
  const [code] = await once(child, 'close');
  return code ?? EXIT.defect;
}
