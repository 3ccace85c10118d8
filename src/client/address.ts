/**
 * Where a broker is: `wonderq://host:port` as a program or an operator writes it.
 */
import { WonderqError } from '../errors.ts';

const PORT_DEFAULT = 7070;
const PROTOCOL = 'wonderq:';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Throws BAD_REQUEST with what is wrong. */
export function parseAddress(text: string): Address {
  const url = parseUrl(text);
  if (url.protocol !== PROTOCOL) throw badUrl(text, `must begin with ${PROTOCOL}//`);
  if (url.hostname === '') throw badUrl(text, 'names no host');
  if (url.username !== '' || url.password !== '') {
    throw badUrl(text, 'must carry no user or password; a token is an option of connect');
  }
  const hasMore = (url.pathname !== '' && url.pathname !== '/') || url.search || url.hash;
  if (hasMore) throw badUrl(text, 'must end after the port');
  if (url.port === '0') throw badUrl(text, 'names port 0, where nobody listens');
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return { host, port: url.port === '' ? PORT_DEFAULT : Number(url.port) };
}

export function formatAddress({ host, port }: Address): string {
  return `${PROTOCOL}//${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function parseUrl(text: string): URL {
  try {
    return new URL(text);
  } catch (cause) {
    throw badUrl(text, 'is no URL like wonderq://127.0.0.1:7070', cause);
  }
}

function badUrl(text: string, what: string, cause?: unknown): WonderqError {
  // What looks like a password is not shown again.
  const shown = text.replace(/\/\/[^/]*@/, '//...@');
  return new WonderqError('BAD_REQUEST', `the URL ${shown} ${what}`, { field: 'url', cause });
}
