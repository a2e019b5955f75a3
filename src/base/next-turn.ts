/** Settles once everything that is ready to run now has run: after the present turn of the event loop. */
export function nextTurn(): Promise<void> {
  const { setImmediate } = globalThis as { readonly setImmediate?: (job: () => void) => void };
  return new Promise((resolve) => {
    // pages hold timers back for milliseconds, messages not at all; Node's ports keep a process alive, immediates do not
    if (setImmediate !== undefined) {
      setImmediate(resolve);
      return;
    }
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
