import assert from "node:assert/strict";
import { test } from "node:test";
import { notReady, type Progress } from "../../../server/readiness.ts";

const notAfter = new Date("2026-01-01T00:00:00Z");
const ready: Progress = { stopping: false, notAfter, hasIndex: true, published: true };
const at = (ms: number) => new Date(notAfter.getTime() + ms);

test("a server is ready until the very moment in which its certificate ends, and says when that was", () => {
  assert.equal(notReady(ready, at(-1)), undefined);
  assert.equal(notReady(ready, at(0)), "the serving certificate has expired at 2026-01-01T00:00:00.000Z");
});

const lacks: Readonly<Record<string, Partial<Progress>>> = {
  "going down": { stopping: true, hasIndex: false },
  "there is no certificate yet: the API server does not answer, or the files are not there": { notAfter: undefined },
  "the cache of canaries is not complete yet": { hasIndex: false, published: false },
  "the authority is not published yet": { published: false },
};
for (const [why, lack] of Object.entries(lacks)) {
  test(`a server is not ready: ${why}`, () => assert.equal(notReady({ ...ready, ...lack }, at(-1)), why));
}
