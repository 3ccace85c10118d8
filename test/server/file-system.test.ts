/** What is said of file systems on which a log may be. Row E19 of docs/reliability.md. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { doubtOf } from '../../src/server/file-system.ts';

const test = suite('file systems (E19)');

test('those in memory and on a network are told apart from disks', () => {
  for (const memory of [0x01021994, 0x858458f6, 0x858458f6 | 0]) {
    assert.match(doubtOf(memory) ?? '', /in memory/);
  }
  for (const network of [0x6969, 0xff534d42, 0xfe534d42 | 0, 0x01021997]) {
    assert.match(doubtOf(network) ?? '', /network/);
  }
  // ext4, XFS, btrfs, overlayfs
  for (const disk of [0xef53, 0x58465342, 0x9123683e, 0x9123683e | 0, 0x794c7630]) {
    assert.is(doubtOf(disk), undefined);
  }
});

test.run();
