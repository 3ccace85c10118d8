// Child processes of tests, which are started as those of `wonderq torture` are.

export {
  Child as TestProcess,
  type Ending,
  run,
  type Start,
  type StartOptions,
  withProcesses,
} from '../../src/cli/child.ts';
