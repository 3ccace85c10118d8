// Power cuts by hand, as root: `node --import tsx test/crash/power-cuts.ts --cuts 300 --fs ext4|xfs
// [--seed N] [--source DIRECTORY]`. Prints what was wrong, a line each, and one JSON line; exit code
// 1 if anything was. It runs itself in namespaces of its own, which take all mounts with them.

import { parseArgs } from 'node:util';
import { isGood } from '../../src/cli/torture/checker.ts';
import { cutPrograms, fileSystems, whyNot } from '../../src/cli/torture/file-system.ts';
import { printedSeed } from '../support/random.ts';
import { withNamespaces } from './support/namespaces.ts';
import { runPowerCuts } from './support/power-cuts.ts';

const { values } = parseArgs({
  options: {
    cuts: { type: 'string', default: '10' },
    fs: { type: 'string', default: 'ext4' },
    seed: { type: 'string' },
    source: { type: 'string' },
    inside: { type: 'boolean', default: false },
  },
});
const name = fileSystems.find((one) => one === values.fs);
if (name === undefined) throw new Error(`--fs must be one of ${fileSystems.join(', ')}`);

async function cut(fileSystem: (typeof fileSystems)[number]): Promise<number> {
  const seed = values.seed === undefined ? printedSeed('power cuts') : Number(values.seed);
  const cuts = Number(values.cuts);
  const options = { cuts, name: fileSystem, seed, sourceDir: values.source };
  const { report, verdict, violations } = await runPowerCuts(options);
  for (const violation of violations.slice(0, 50)) console.log(violation);
  console.log(JSON.stringify(report));
  return isGood(verdict) ? 0 : 1;
}

async function cutInNamespaces(fileSystem: (typeof fileSystems)[number]): Promise<number> {
  const reason = await whyNot(fileSystem, cutPrograms);
  if (reason !== undefined) {
    console.log(`not run: power cuts on ${fileSystem}, since ${reason}`);
    return 1;
  }
  const parameters = [...process.argv.slice(2), '--inside'];
  const { code, stdout, stderr } = await withNamespaces(import.meta.filename, parameters);
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  return code ?? 1;
}

process.exitCode = values.inside ? await cut(name) : await cutInNamespaces(name);
