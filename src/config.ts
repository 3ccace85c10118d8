/**
 * Where the value of an option comes from: a flag, else the environment, else the file `.env`, else
 * the default. Knows no option by name; the command line has the tables.
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

/** Throws an Error that names the option and where its bad value came from. */
export function resolveOption<T>(
  name: string,
  spec: OptionSpec<T>,
  flag: string | undefined,
  environment: Variables,
  file: Variables,
): Resolved<T> {
  const given: [Source, string | undefined][] = [['flag', flag]];
  for (const variable of spec.variables) given.push(['environment', environment[variable]]);
  for (const variable of spec.variables) given.push(['.env', file[variable]]);
  for (const [source, text] of given) {
    if (text === undefined || text === '') continue;
    return { value: understood(name, spec, text, source), source };
  }
  return { value: spec.fallback, source: 'default' };
}

function understood<T>(name: string, spec: OptionSpec<T>, text: string, source: Source): T {
  try {
    return spec.parse(text);
  } catch (error) {
    const what = error instanceof Error ? error.message : 'is not understood';
    throw new Error(`${name} (from ${source}): ${what}`, { cause: error });
  }
}
