/** Calls a listener. What it throws is an uncaught error, as with an EventTarget, and does not disturb the caller. */
export function notify<Event>(listener: (event: Event) => void, event: Event): void {
  try {
    listener(event);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
