import assert from "node:assert/strict";
import { test } from "node:test";
import { lastWriter, patchTo, type RawObject } from "../../api/index.ts";
import type { Action } from "../../controller/decide/types.ts";
import { createDamper, createDriftMemory } from "../../controller/drifting.ts";

const mend: Action = { kind: "mend", revision: "w1:a" };
const route: Action = { kind: "ensure", object: "route" };
const service: Action = { kind: "ensure", object: "apexService" };

function aClock() {
  let elapsed = 0;
  const advance = (ms: number): void => {
    elapsed += ms;
  };
  return { monotonicMs: () => elapsed, advance };
}

/** How many of as many repairs as somebody provokes are made, one every `everyMs`. */
function made(action: Action, count: number, everyMs: number): number {
  const clock = aClock();
  const damper = createDamper(clock);
  let done = 0;
  for (let round = 0; round < count; round++, clock.advance(everyMs)) if (damper.take("a/b", action) === 0) done++;
  return done;
}

const fights: Readonly<Record<string, { readonly action: Action; readonly everyMs: number; readonly made: number }>> = {
  "a tool that comes every few seconds is answered each time": { action: service, everyMs: 3_000, made: 600 },
  "one that writes as fast as we do, at once at first and then twice a second": {
    action: service,
    everyMs: 50,
    made: 20 + 59,
  },
  "pods of the primary are replaced three times in ten minutes": { action: mend, everyMs: 1_000, made: 3 },
  "the status is not a repair": { action: { kind: "status", status: {} }, everyMs: 1, made: 600 },
};
for (const [name, { action, everyMs, made: expected }] of Object.entries(fights)) {
  test(`repairs of what is changed again and again: ${name}`, () => {
    assert.equal(made(action, 600, everyMs), expected);
  });
}

test("a repair that has to wait says how long, and holds up neither other objects nor other canaries", () => {
  const clock = aClock();
  const damper = createDamper(clock);
  for (let round = 0; round < 20; round++) assert.equal(damper.take("a/b", service), 0);
  clock.advance(100);
  assert.equal(damper.take("a/b", service), 400);
  assert.equal(damper.take("a/b", route), 0);
  assert.equal(damper.take("a/c", service), 0);
  clock.advance(400);
  assert.equal(damper.take("a/b", service), 0);
  assert.equal(damper.take("a/b", service), 500);
});

test("drift is news again when it has not been seen for ten minutes, not as long as it goes on", () => {
  const clock = aClock();
  const memory = createDriftMemory(clock);
  assert.ok(memory.isNews("a/b", "changed"));
  for (let minute = 0; minute < 30; minute++) {
    memory.note("a/b", "changed");
    clock.advance(60_000);
    assert.ok(!memory.isNews("a/b", "changed"));
  }
  assert.ok(memory.isNews("a/b", "something else") && memory.isNews("a/c", "changed"));
  clock.advance(600_000);
  assert.ok(memory.isNews("a/b", "changed"));
});

const [early, late] = ["2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"];
const writers: Readonly<Record<string, { readonly entries: unknown; readonly who: string | undefined }>> = {
  "the last one": {
    entries: [
      { manager: "weir-service", time: early },
      { manager: "helm", time: late },
    ],
    who: "helm",
  },
  "nobody when it was us": {
    entries: [
      { manager: "helm", time: early },
      { manager: "weir-service", time: late },
    ],
    who: undefined,
  },
  "somebody who wrote in the same second as we did": {
    entries: [
      { manager: "weir-service", time: late },
      { manager: "helm", time: late },
    ],
    who: "helm",
  },
  "nobody of two in one second": {
    entries: [
      { manager: "kustomize", time: late },
      { manager: "helm", time: late },
    ],
    who: undefined,
  },
  "nobody who reports a status": {
    entries: [{ manager: "kubelet", time: late, subresource: "status" }],
    who: undefined,
  },
  "nobody where nothing is noted": { entries: undefined, who: undefined },
};
for (const [name, { entries, who }] of Object.entries(writers)) {
  test(`who wrote last: ${name}`, () => {
    const object = { apiVersion: "v1", kind: "Service", metadata: { name: "shop", managedFields: entries } };
    assert.equal(lastWriter(object as RawObject), who);
  });
}

test("a merge patch states what differs, takes away what is too much and replaces lists", () => {
  const to = { kept: 1, map: { same: true, gone: null, list: [1, 2] }, made: { deep: 1 }, was: { text: 1 } };
  const from = { kept: 1, map: { same: true, gone: 3, list: [1] }, extra: {}, was: "text" };
  assert.deepEqual(patchTo(to, from), {
    map: { gone: null, list: [1, 2] },
    made: { deep: 1 },
    was: { text: 1 },
    extra: null,
  });
  assert.deepEqual(patchTo(to, to), {});
});
