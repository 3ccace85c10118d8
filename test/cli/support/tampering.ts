// Preloaded into `wonderq torture`, and by it into its brokers: what TAMPER names happens to the log
// that a broker finds. `gone`: all of it is, as on a disk that keeps nothing of what it was told to
// sync; `changed`: a byte in the middle of it is.

import fs from 'node:fs';
import { join } from 'node:path';

/** Amid what was written: segments are longer than that. */
function change(file: string): void {
  const bytes = fs.readFileSync(file);
  const end = bytes.findLastIndex((byte) => byte !== 0);
  bytes[Math.floor(end / 2)]! ^= 1;
  fs.writeFileSync(file, bytes);
}

const { argv, env } = process;
if (argv.includes('serve')) {
  const log = join(argv[argv.indexOf('--data-dir') + 1]!, 'log');
  if (env.TAMPER === 'gone') fs.rmSync(log, { recursive: true, force: true });
  else {
    const names = fs.existsSync(log) ? fs.readdirSync(log) : [];
    const [first] = names.filter((name) => name.endsWith('.wq')).sort();
    if (first !== undefined) change(join(log, first));
  }
}
