import { create, type DescMessage, type Message, type MessageInitShape } from "@bufbuild/protobuf";
import type { CallContext } from "./call-context.ts";

type MessageInit = MessageInitShape<DescMessage>;

/** What the handler of a server-streaming method returns an iterable of. */
export interface HandlerMessages extends AsyncIterator<MessageInit, unknown> {
  /**
   * The next message, if it is there already; undefined: ask `next`. A handler whose messages often wait may have it: a
   * promise for each message costs more than sending it.
   */
  ready?(): MessageInit | undefined;
}

/** The messages of a server-streaming call, for one reader, who must call `end`. */
export class MessageStream {
  readonly #call: CallContext;
  readonly #output: DescMessage;
  readonly #messages: HandlerMessages;
  #isOver = false;

  constructor(call: CallContext, messages: HandlerMessages) {
    this.#call = call;
    this.#output = call.method.output;
    this.#messages = messages;
  }

  /** The next message, if it is there already. Undefined: ask `next`. */
  ready(): Message | undefined {
    const init = this.#isOver ? undefined : this.#messages.ready?.();
    return init && create(this.#output, init);
  }

  /** The next message; undefined when there are no more. Rejects with what the handler threw, or when the deadline passes. */
  async next(): Promise<Message | undefined> {
    if (this.#isOver) return undefined;
    const { done, value } = await this.#call.untilDeadline(this.#messages.next());
    return done === true ? undefined : create(this.#output, value);
  }

  /** Ends the call of the handler. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    // A handler that waits for its signal only hears of the end by it; waiting for the handler first would hang.
    this.#call.finish();
    this.#messages.return?.().then(undefined, () => {});
  }
}
