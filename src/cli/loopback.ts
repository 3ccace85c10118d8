/**
 * A loopback address that no other process listens on, for a broker that comes back on its port:
 * between two lives the port would else go to whoever asks the system for one.
 */

/**
 * Differs between any two processes that run at the same time. Linux has all of 127.0.0.0/8 on its
 * loopback, and connections out of it come from 127.0.0.1, so none of them takes such a port
 * either. Elsewhere it is the one address that there is.
 */
export function ownLoopback(): string {
  if (process.platform !== 'linux') return '127.0.0.1';
  // Process IDs have 22 bits at most; the bit above keeps away from 127.0.0.1 itself.
  const number = process.pid | (1 << 22);
  return `127.${number >>> 16}.${(number >>> 8) & 255}.${number & 255}`;
}
