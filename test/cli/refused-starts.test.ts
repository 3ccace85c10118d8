// Directories that a broker must not start on: of another format, changed from outside, of somebody
// else, on a file system that takes no writes. Each start ends with one clear line and its exit
// code, and leaves every byte as it was. Rows E10, E20 and E24 of docs/reliability.md.
// limit: 120 s

import fs from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { main, serve, serveCommand, urlOf } from '../support/broker.ts';
import { eventually } from '../support/eventually.ts';
import { run, withProcesses } from '../support/processes.ts';
import { temporary } from '../support/temporary.ts';
import {
  appendTo,
  contentsOf,
  logOf,
  makeLog,
  noFiles,
  plantEndlessNumber,
  rewrite,
  segments,
} from './support/log-directory.ts';

const test = suite('refused starts');
const quiet = { flags: ['--log-level', 'error'] };
const isRoot = process.getuid!() === 0;

const serveOn = (dataDir: string) => serveCommand(dataDir, quiet);

async function isRefused(dataDir: string, code: number, why: RegExp, command = serveOn(dataDir)) {
  const before = contentsOf(dataDir);
  const [program, ...parameters] = command;
  const { stdout, stderr, ...ending } = await run(program!, parameters);
  assert.is(ending.code, code, stderr);
  const lines = stderr.trimEnd().split('\n');
  assert.is(lines.length, 1, stderr);
  assert.match(lines[0]!, why);
  assert.is(stdout, '');
  assert.equal(contentsOf(dataDir), before);
}

function appendRecord(dataDir: string, kind: number, version: number): Promise<void> {
  return appendTo(dataDir, (log, stamp) => {
    log.end(log.begin(kind, version, 0));
    log.mark(stamp);
  });
}

const newer = (bytes: Buffer) => bytes.writeUInt16BE(2, 12);

interface Case {
  readonly title: string;
  readonly code: number;
  readonly why: RegExp;
  readonly prepare: (dataDir: string) => Promise<void> | void;
}

const cases: readonly Case[] = [
  {
    title: 'a segment of a newer format',
    code: 65,
    why: /0000000002\.wq, offset 12: its format version 2 is not known here/,
    prepare: (dataDir) => rewrite(segments(dataDir)[1]!, newer),
  },
  {
    title: 'a checkpoint of a newer format',
    code: 65,
    why: /CHECKPOINT, offset 12: its format version 2 is not known here/,
    prepare: (dataDir) => rewrite(join(logOf(dataDir), 'CHECKPOINT'), newer),
  },
  {
    title: 'a record of an unknown kind',
    code: 65,
    why: /\.wq, offset 64: unknown record kind 99, version 1/,
    prepare: (dataDir) => appendRecord(dataDir, 99, 1),
  },
  {
    title: 'a record of a newer version of its kind',
    code: 65,
    why: /\.wq, offset 64: unknown record kind 16, version 2/,
    prepare: (dataDir) => appendRecord(dataDir, 16, 2),
  },
  {
    title: 'a record that says more than it holds',
    code: 65,
    why: /0000000003\.wq, offset \d+: a malformed record$/,
    prepare: (dataDir) => void plantEndlessNumber(dataDir),
  },
  {
    title: 'a directory where the next segment is to be',
    code: 65,
    why: /0000000004\.wq, offset 0: it is no regular file$/,
    prepare: (dataDir) => fs.mkdirSync(join(logOf(dataDir), '0000000004.wq')),
  },
  {
    title: 'a pipe in the place of the checkpoint',
    code: 65,
    why: /CHECKPOINT, offset 0: it is no regular file$/,
    prepare: (dataDir) => {
      fs.rmSync(join(logOf(dataDir), 'CHECKPOINT'));
      noFiles['a pipe']!(join(logOf(dataDir), 'CHECKPOINT'));
    },
  },
  {
    title: 'a pipe in the place of the lock',
    code: 65,
    why: /lock, offset 0: it is no regular file$/,
    prepare: (dataDir) => noFiles['a pipe']!(join(logOf(dataDir), 'lock')),
  },
  {
    title: 'a renamed segment',
    code: 65,
    why: /0000000002\.wq, offset 0: the file is missing/,
    prepare: (dataDir) => fs.renameSync(segments(dataDir)[1]!, join(logOf(dataDir), 'old.wq')),
  },
  {
    title: 'E24: a directory that others may write',
    code: 64,
    why: /may be written by others \(mode 770\): chmod 700 it/,
    prepare: (dataDir) => fs.chmodSync(logOf(dataDir), 0o770),
  },
  {
    title: 'a file where the directory should be',
    code: 64,
    why: /\/log cannot be made: there is a file in its way$/,
    prepare: (dataDir) => {
      fs.rmSync(logOf(dataDir), { recursive: true });
      fs.writeFileSync(logOf(dataDir), 'of somebody else');
    },
  },
];

for (const { title, code, why, prepare } of cases) {
  test(
    title,
    temporary(async (dataDir) => {
      await makeLog(dataDir, 'clean');
      await prepare(dataDir);
      await isRefused(dataDir, code, why);
    }),
  );
}

test(
  'a data directory that is a file',
  temporary(async (directory) => {
    const dataDir = join(directory, 'data');
    fs.writeFileSync(dataDir, 'of somebody else');
    const command = serveOn(dataDir);
    await isRefused(
      directory,
      64,
      /data\/log cannot be made: there is a file in its way$/,
      command,
    );
  }),
);

test(
  'E20: a directory that a stopped broker holds',
  temporary((dataDir) =>
    withProcesses(async (start) => {
      const holder = serve(start, dataDir, quiet);
      await urlOf(holder);
      const log = logOf(dataDir);
      const isFilled = () => fs.existsSync(join(log, 'reserve-2'));
      await eventually('the reserve is filled', isFilled, { deadlineMs: 30_000 });
      holder.signal('SIGSTOP');
      await isRefused(dataDir, 75, new RegExp(`is in use by process ${holder.id} since`));
    }),
  ),
);

// Root may write where the mode forbids it, so there it is another user who is refused.
const asAnother = isRoot
  ? ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups']
  : [];

/** That user must be able to read the program. */
async function mayRead(path: string): Promise<boolean> {
  return (await run('env', [...asAnother, 'test', '-r', path])).code === 0;
}

test(
  'E24: a directory that only another user may write',
  temporary(async (dataDir) => {
    if (!(await mayRead(main.at(-1)!))) {
      console.log('not run: E24, as the user who is to be refused may not read this checkout');
      return;
    }
    await makeLog(dataDir, 'clean');
    fs.chmodSync(dataDir, 0o755);
    fs.chmodSync(logOf(dataDir), isRoot ? 0o700 : 0o500);
    await isRefused(dataDir, 74, /EACCES: permission denied/, [...asAnother, ...serveOn(dataDir)]);
    fs.chmodSync(logOf(dataDir), 0o700);
  }),
);

if (isRoot && (await run('unshare', ['--mount', 'true'])).code === 0) {
  test(
    'a read-only file system',
    temporary(async (dataDir) => {
      await makeLog(dataDir, 'clean');
      const readOnly = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"';
      const inOwnMounts = ['unshare', '--mount', 'sh', '-c', readOnly, dataDir];
      await isRefused(dataDir, 74, /EROFS: read-only/, [...inOwnMounts, ...serveOn(dataDir)]);
    }),
  );
} else {
  console.log('not run: a start on a read-only file system (needs root and unshare)');
}

test.run();
