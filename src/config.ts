/**
 * Where the value of an option comes from: a flag, else the environment, else the file `.env`, else
 * the default. A variable without a value is as good as none; a flag without one is a mistake, as
 * of a script whose variable is not set. Knows no option by name; the command line has the tables.
 */
export type Source = 'flag' | 'environment' | '.env' | 'default';

export interface OptionSpec<T> {
  /** The names of the variables that may hold it; the first one that is set counts. */
  readonly variables: readonly string[];
  readonly fallback: T;
  /** Turns text into the value; throws an Error that says what is wrong with it. */
  readonly parse: (text: string) => T;
}

export interface Resolved<T> {
  readonly value: T;
  readonly source: Source;
}

export type Variables = Readonly<Record<string, string | undefined>>;

/**
 * `name`: of the flag, without dashes. Throws an Error that names the flag or the variable whose
 * value is bad.
 */
export function resolveOption<T>(
  name: string,
  spec: OptionSpec<T>,
  flag: string | undefined,
  environment: Variables,
  file: Variables,
): Resolved<T> {
  const given: [Source, string, string | undefined][] = [['flag', `--${name}`, flag]];
  for (const variable of spec.variables) {
    given.push(['environment', variable, environment[variable]]);
  }
  for (const variable of spec.variables) {
    given.push(['.env', `${variable} in .env`, file[variable]]);
  }
  for (const [source, place, text] of given) {
    if (text === undefined || (text === '' && source !== 'flag')) continue;
    if (text === '') throw new Error(`${place} must not be empty`);
    return { value: understood(place, spec, text), source };
  }
  return { value: spec.fallback, source: 'default' };
}

function understood<T>(place: string, spec: OptionSpec<T>, text: string): T {
  try {
    return spec.parse(text);
  } catch (error) {
    const what = error instanceof Error ? error.message : 'is not understood';
    throw new Error(`${place} ${what}`, { cause: error });
  }
}
