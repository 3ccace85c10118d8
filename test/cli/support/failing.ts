// Preloaded into a broker's process: what FAILING names fails there, at once or from SIGUSR2 on.
// `read`, `writevSync`, `fdatasync`: that call of the file system, as by a broken disk; `linkSync`:
// what the lock is taken with, as where a file system knows no links; `assertion`: an assertion that
// nobody catches; `background`: one within what is waited for.

import assert from 'node:assert';
import fs from 'node:fs';

type Call = 'read' | 'writevSync' | 'fdatasync' | 'linkSync';

function breakDisk(call: Call, error: Error): void {
  Object.assign(fs, {
    [call]: (...parameters: unknown[]) => {
      const done = parameters.at(-1);
      if (typeof done !== 'function') throw error;
      setImmediate(() => done(error));
    },
  });
}

function fail(what: string): void {
  if (what === 'assertion') assert.fail('planted assertion');
  const planted = new assert.AssertionError({ message: 'planted assertion' });
  if (what === 'background') breakDisk('fdatasync', planted);
  else
    breakDisk(what as Call, Object.assign(new Error(`EIO: planted, ${what}`), { syscall: what }));
}

const [what = '', when] = (process.env.FAILING ?? '').split(' ');
if (when === 'at-once') fail(what);
// Not `once`: where nobody listens any more, the lock's own package ends the process.
else {
  process.on('SIGUSR2', () => {
    fail(what);
    console.log('planted');
  });
}
