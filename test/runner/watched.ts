// uvu as test files see it: the same two functions, which also keep a ledger of what was declared.
// uvu forgets a suite that is never run, a hook that throws and a thrown value that is no Error;
// the ledger does not. `child.ts` compares it with what uvu says it ran.

import { inspect } from 'node:util';
import * as uvu from 'uvu';

type Crumbs = { __suite__: string; __test__: string };
type Body = (context: Crumbs) => Promise<void> | void;

interface Suite {
  readonly name: string;
  /** Tests declared since the last `.run()`; uvu runs none of them without another one. */
  waiting: number;
  ran: boolean;
}

/** What the test file declared, and what went wrong where uvu would have kept silent. */
export const ledger = {
  suites: [] as Suite[],
  declared: 0,
  problems: [] as string[],
  running: '',
  started: (_name: string): void => {},
};

/** Problems that only show at the end: what was declared and never run. */
export function unrunProblems(): string[] {
  return ledger.suites.flatMap(({ name, waiting, ran }) => {
    if (waiting > 0) return [`${name}: ${waiting} never ran, .run() is missing or above them`];
    return ran ? [] : [`${name}: neither tests nor .run()`];
  });
}

// uvu ends a whole suite without a word when something else than an Error is thrown.
function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(`threw ${inspect(thrown)}, not an Error`);
}

function watchTest(suite: Suite, name: string, body: Body): Body {
  suite.waiting += 1;
  ledger.declared += 1;
  return async (context) => {
    ledger.running = name;
    ledger.started(name);
    try {
      await body(context);
    } catch (thrown) {
      throw asError(thrown);
    }
  };
}

// A hook that throws fails the file. Behind a test the error must not reach uvu, which would give
// up the rest of the suite and forget why the test itself failed; before a test it must, so that
// no test runs without its set-up.
function watchHook(suite: Suite, kind: string, body: Body): Body {
  return async (context) => {
    try {
      await body(context);
    } catch (thrown) {
      ledger.problems.push(`${suite.name}: ${kind} failed: ${inspect(thrown)}`);
      if (kind.startsWith('before')) throw asError(thrown);
    }
  };
}

function watch(real: uvu.Test<unknown>, suite: Suite): uvu.Test<unknown> {
  const hook = (kind: 'before' | 'after') =>
    Object.assign((body: Body) => real[kind](watchHook(suite, kind, body)), {
      each: (body: Body) => real[kind].each(watchHook(suite, `${kind}.each`, body)),
    });
  return Object.assign(
    (name: string, body: Body) => {
      if (!ledger.suites.includes(suite)) ledger.suites.push(suite);
      real(name, watchTest(suite, name, body));
    },
    {
      only(name: string, body: Body) {
        ledger.problems.push(`${suite.name}: .only is left in: ${name}`);
        // Passed on, so that the file runs as it is written; the problem above fails it.
        real.only(name, watchTest(suite, name, body));
      },
      skip(name = '') {
        ledger.problems.push(`${suite.name}: .skip is left in: ${name}`);
      },
      before: hook('before'),
      after: hook('after'),
      run() {
        if (suite.waiting === 0) ledger.problems.push(`${suite.name}: .run() without tests`);
        suite.waiting = 0;
        suite.ran = true;
        real.run();
      },
    },
  );
}

// The nameless suite exists in every file; it counts once it is used.
export const test = watch(uvu.test, { name: 'nameless suite', waiting: 0, ran: false });

export function suite(title = '', context?: unknown): uvu.Test<unknown> {
  const declared = { name: `suite ${inspect(title)}`, waiting: 0, ran: false };
  ledger.suites.push(declared);
  return watch(uvu.suite(title, context), declared);
}
