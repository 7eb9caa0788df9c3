export interface ServerSentEvent {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: string;
}

/** Reads an event stream as the HTML standard says; comments are skipped. */
export async function* readEvents(stream: AsyncIterable<Buffer>): AsyncGenerator<ServerSentEvent, void> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    const blocks = text.split("\n\n");
    text = blocks.pop() as string;
    for (const block of blocks) {
      const fields = block
        .split("\n")
        .filter((line) => !line.startsWith(":"))
        .map((line) => /^([^:]*):? ?(.*)$/s.exec(line) as RegExpExecArray);
      const values = (name: string) =>
        fields.filter(([, field]) => field === name).map(([, , value]) => value ?? "");
      const data = values("data");
      if (data.length > 0) {
        yield { event: values("event")[0] ?? "message", id: values("id").at(-1), data: data.join("\n") };
      }
    }
  }
}
