import { expect, test } from "vitest";
import { Admission } from "./admission.ts";

const never = new AbortController().signal;
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

// catches a queue in which one client's burst starves everyone else
test("clients take turns", async () => {
  const admission = new Admission({ active: () => 1, waiting: 10 }, () => 0);
  let current = await admission.enter("first", never);
  const order: string[] = [];
  for (const client of ["greedy", "greedy", "greedy", "modest"]) {
    void admission.enter(client, never).then((turn) => {
      order.push(client);
      current = turn;
    });
  }
  for (let i = 0; i < 4; i++) {
    current[Symbol.dispose]();
    await settled();
  }
  expect(order).toEqual(["greedy", "modest", "greedy", "greedy"]);
});

// catches an unbounded queue, and a refusal that does not say when to come back
test("a full queue refuses with 429 and a time to come back", async () => {
  const admission = new Admission({ active: () => 1, waiting: 1 }, () => 0);
  using _turn = await admission.enter("a", never);
  void admission.enter("b", never);
  const error = await admission.enter("c", never).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ details: { status: 429, code: "queue_full", retryAfterSeconds: 10 } });
});

// catches a place that is lost for ever when the one who waits for it goes away
test("a client that goes while waiting leaves the queue", async () => {
  const admission = new Admission({ active: () => 1, waiting: 1 }, () => 0);
  const turn = await admission.enter("a", never);
  const controller = new AbortController();
  const waiting = admission.enter("b", controller.signal);
  controller.abort(new Error("gone"));
  await expect(waiting).rejects.toThrow("gone");
  expect(admission.waitingCount).toBe(0);
  turn[Symbol.dispose]();
  turn[Symbol.dispose](); // a second time changes nothing
  expect(admission.activeCount).toBe(0);
});

// catches a shutdown that leaves waiting requests without an answer
test("closing answers everyone who waits", async () => {
  const admission = new Admission({ active: () => 1, waiting: 4 }, () => 0);
  using _turn = await admission.enter("a", never);
  const waiting = admission.enter("b", never);
  admission.close();
  await expect(waiting).rejects.toMatchObject({ details: { status: 503 } });
  await expect(admission.enter("c", never)).rejects.toMatchObject({ details: { code: "server_shutting_down" } });
});
