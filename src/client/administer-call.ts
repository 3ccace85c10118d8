/**
 * Administration requests: a verb with arguments, answered with a value.
 */
import type { WonderqError } from '../errors.ts';
import type { ByteWriter } from '../protocol/byte-writer.ts';
import { encodePlain } from '../protocol/codec.ts';
import { isChange } from '../protocol/features.ts';
import { ANSWER } from '../protocol/operations.ts';
import type { Reply } from '../protocol/reply.ts';
import { writeAdminister } from '../protocol/requests.ts';
import { Call } from './call.ts';
import { badField } from './checks.ts';
import { unexpectedAnswer } from './failure.ts';

export class AdministerCall extends Call {
  readonly #verb: string;
  readonly #arguments: Readonly<Record<string, unknown>>;
  readonly #resolve: (value: unknown) => void;
  readonly #reject: (error: WonderqError) => void;

  /** Throws where the arguments are nothing that the wire can carry. */
  constructor(
    verb: string,
    fields: Readonly<Record<string, unknown>>,
    resolve: (value: unknown) => void,
    reject: (error: WonderqError) => void,
  ) {
    super();
    this.#verb = verb;
    this.#arguments = fields;
    this.#resolve = resolve;
    this.#reject = reject;
    checkEncodable(fields);
  }

  override get isChange(): boolean {
    return isChange(this.#verb);
  }

  write(writer: ByteWriter): void {
    const { id, sequence } = this;
    writeAdminister(writer, id, { sequence, verb: this.#verb, arguments: this.#arguments });
  }

  answered(reply: Reply): void {
    if (reply.operation !== ANSWER.ok) throw unexpectedAnswer(reply);
    this.#resolve(reply.value);
  }

  refused(error: WonderqError): void {
    this.#reject(error);
  }
}

function checkEncodable(fields: Readonly<Record<string, unknown>>): void {
  try {
    encodePlain(fields);
  } catch (cause) {
    throw badField('arguments', 'hold something that the wire cannot carry', cause);
  }
}
