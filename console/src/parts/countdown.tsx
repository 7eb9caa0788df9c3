import { useEffect, useState } from "preact/hooks";
import { formatDuration, formatTime } from "../format.ts";
import { serverTime } from "../server-clock.ts";

/** How long an entry still lives, by the clock of the server. */
export function Countdown({ until }: { readonly until: Date | undefined }) {
  const [, tick] = useState(0);
  useEffect(() => {
    if (until === undefined) return;
    const timer = setInterval(() => tick((count) => count + 1), 1000);
    return () => clearInterval(timer);
  }, [until?.getTime()]);
  if (until === undefined) return <>never</>;
  const leftMs = until.getTime() - serverTime();
  return (
    <time dateTime={until.toISOString()} title={formatTime(until)}>
      {leftMs > 0 ? `in ${formatDuration(leftMs)}` : "now"}
    </time>
  );
}
