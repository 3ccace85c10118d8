// A module hook of the test process: who imports uvu gets `watched.ts` instead, which wraps the
// real one. Test files stay plain uvu files, and nothing they declare goes uncounted.

import type { ResolveHook } from 'node:module';

const watched = new URL('./watched.ts', import.meta.url).href;

export const resolve: ResolveHook = (specifier, context, nextResolve) => {
  if (specifier === 'uvu' && context.parentURL?.split('?')[0] !== watched) {
    return { url: watched, shortCircuit: true };
  }
  return nextResolve(specifier, context);
};
