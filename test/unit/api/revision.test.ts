import assert from "node:assert/strict";
import { test } from "node:test";
import { isOurRevision, revisionOf } from "../../../api/index.ts";

const template = { metadata: { labels: { app: "a" } }, spec: { containers: [{ name: "a", image: "a:1" }] } };

test("a revision never changes its value: stored ones would start releases", () => {
  assert.equal(revisionOf(template), "w1:377b54cb3a991bec94f06e79c1cc7330");
});

test("order of keys and nulls do not make a revision", () => {
  const same = {
    spec: { containers: [{ image: "a:1", name: "a" }], x: null },
    metadata: { creationTimestamp: null, labels: { app: "a" } },
  };
  assert.equal(revisionOf(same), revisionOf(template));
});

test("order of containers and any field that is new to us do", () => {
  const longer = { ...template, spec: { containers: [...template.spec.containers, { name: "b", image: "b" }] } };
  const turned = { ...longer, spec: { containers: longer.spec.containers.toReversed() } };
  const newer = { ...template, spec: { ...template.spec, fieldOfNextYear: 1 } };
  assert.equal(new Set([template, longer, turned, newer].map(revisionOf)).size, 4);
});

test("hashes from elsewhere are told apart", () => {
  assert.equal(isOurRevision(revisionOf({})), true);
  assert.equal(isOurRevision("5978589476"), false);
  assert.equal(isOurRevision(undefined), false);
});
