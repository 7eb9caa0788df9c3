import { live } from "../session.ts";

const texts = {
  connecting: "connecting",
  live: "live",
  stale: "reconnecting",
  ended: "not live",
};

/** Whether changes are shown as they happen. */
export function LiveState() {
  const state = live.value?.state.value ?? "connecting";
  return (
    <span class={`live-state ${state}`} role="status">
      {texts[state]}
    </span>
  );
}
