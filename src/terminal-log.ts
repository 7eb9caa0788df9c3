const levels: Readonly<Record<number, string>> = {
  20: "debug",
  30: "info",
  40: "\u001b[33mwarn\u001b[0m",
  50: "\u001b[31merror\u001b[0m",
};

/**
 * Formats a JSON log line for a terminal: time of day, level, event, fields, and the stack of an error on the lines
 * below.
 */
export function formatForTerminal(line: string): string {
  const { level, time, pid: _pid, hostname: _hostname, msg, err, ...fields } = JSON.parse(line);
  const clock = new Date(time).toTimeString().slice(0, 8);
  const texts = Object.entries(fields).map(([name, value]) => `${name}=${toText(value)}`);
  if (err?.message !== undefined) texts.push(`error=${JSON.stringify(err.message)}`);
  const head = [clock, levels[level] ?? String(level), msg, ...texts].join("  ");
  return err?.stack === undefined ? `${head}\n` : `${head}\n${String(err.stack).replace(/^/gm, "    ")}\n`;
}

function toText(value: unknown): string {
  return typeof value === "string" && /^[\x21\x23-\x3c\x3e-\x7e]+$/.test(value)
    ? value
    : JSON.stringify(value);
}
