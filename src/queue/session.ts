/**
 * A session: what a client keeps over its connections. Its leases are a list of rows; its answers
 * are remembered; without a connection it first loses its leases, later it is forgotten.
 */
import { Answers } from './answers.ts';

export class Session {
  /** Its number in the log, from 1. */
  readonly number: number;
  /** 16 bytes that the client chose, as hexadecimal text. Empty only during replay. */
  key: string;
  name: string;
  /** Where its opening stands in the log. */
  position = 0;
  /** The connection it uses now. Opaque to the rules. */
  connection: object | undefined;
  disconnectedMs = 0;
  /** Head of the list of its rows in `Leases`. */
  firstRow = 0;
  leaseCount = 0;
  readonly answers = new Answers();

  constructor(number: number, key: string, name: string) {
    this.number = number;
    this.key = key;
    this.name = name;
  }
}
