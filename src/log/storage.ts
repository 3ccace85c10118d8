/**
 * What the log needs of a file system, and nothing more: the one seam under the file log. `disk.ts`
 * implements it over a real directory; the tests implement it in memory with every fault a disk can
 * have. Nothing in `log/` waits on anything but a call of this interface.
 *
 * Names are plain file names inside the one directory of the log, or `quarantine/NAME`.
 */
export interface Storage {
  /**
   * Names of all files in the directory, in no order. What is no file is not listed, but for what
   * stands under a name of the log itself: `open` refuses it.
   */
  list(): Promise<string[]>;

  /**
   * Opens `name`. With `create` the file must not exist yet (mode 0600); it is durable under its
   * name only after `file.sync()` and `syncDir()`. Without it the file must exist. Throws
   * `NoFileError` where there is something that is no file.
   */
  open(name: string, how: 'create' | 'append' | 'read'): Promise<StorageFile>;

  /**
   * Replaces `to` by `from`, atomically; durable after `syncDir()`. Creates `quarantine/` if need
   * be.
   */
  rename(from: string, to: string): Promise<void>;

  /** Removes a file; durable after `syncDir()`. */
  unlink(name: string): Promise<void>;

  /** Returns when every creation, renaming and removal so far is durable. */
  syncDir(): Promise<void>;

  /** Bytes that an ordinary user may still write on this file system. */
  freeBytes(): Promise<number>;
}

export interface StorageFile {
  /** Length in bytes when it was opened, plus what was appended, as far as this object knows. */
  readonly length: number;

  /**
   * Appends the parts in order, at once (synchronously: a write into the page cache costs
   * microseconds where a round trip through a thread costs dozens). Returns the number of bytes
   * taken, which is less than given when the disk is full: the caller must check it. Throws what
   * the system reports.
   */
  append(parts: readonly Uint8Array[]): number;

  /**
   * Returns when all that was appended is durable (`fdatasync`). A failure is final: never retried.
   */
  sync(): Promise<void>;

  /**
   * Reads exactly `target.length` bytes from `offset` unless the file ends before; returns the
   * count. A read error rejects; it is never taken for the end of the file.
   */
  read(target: Uint8Array, offset: number): Promise<number>;

  /** Cuts the file to `length` bytes; durable after `sync()`. */
  truncate(length: number): Promise<void>;

  close(): Promise<void>;
}
