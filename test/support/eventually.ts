// Waits for a condition instead of sleeping, as `wonderq torture` does.

export { type EventuallyOptions, eventually } from '../../src/cli/eventually.ts';
