import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { serverSideApply } from "../../../sandbox/apiserver/apply/serverSideApply.ts";
import { ApiError, type KubeObject, type ManagedFieldsEntry, type Status } from "../../../sandbox/apiserver/types.ts";
import { recordedSteps, type Step } from "./recordings.ts";
import { WrittenKind } from "./writtenKind.ts";

function withoutTimes(entries: readonly ManagedFieldsEntry[] | undefined): unknown {
  return entries?.map(({ time, ...entry }) => ({ ...entry, timed: time !== undefined }));
}

/** Writes to the Deployment itself; what its Scale does needs a server (test/sandbox). */
function untilScaled(scenario: string): Step[] {
  const writes = recordedSteps(scenario).filter((step) => step.method !== undefined && step.method !== "GET");
  const scaled = writes.findIndex((step) => step.path?.endsWith("/scale"));
  return scaled < 0 ? writes : writes.slice(0, scaled);
}

for (const scenario of ["apply-conflict", "apply-two-managers", "apply-list-map-keys", "managed-fields-updates"]) {
  describe(`${scenario}, as recorded`, () => {
    const deployment = new WrittenKind("deployments");
    for (const [index, step] of untilScaled(scenario).entries()) {
      it(`${index}: ${step.note ?? step.method}`, () => {
        if ((step.response?.status ?? 0) < 400) {
          const want = step.response?.body as KubeObject;
          const got = deployment.play(step);
          assert.deepEqual(got["spec"], want["spec"]);
          assert.deepEqual(withoutTimes(got.metadata.managedFields), withoutTimes(want.metadata.managedFields));
          return;
        }
        const want = step.response?.body as Status;
        assert.throws(
          () => deployment.play(step),
          (error) => {
            assert.ok(error instanceof ApiError);
            assert.equal(error.message, want.message);
            assert.deepEqual(error.details?.causes, want.details?.causes);
            return true;
          },
        );
      });
    }
  });
}

describe("apply without a schema", () => {
  const now = new Date("2026-01-01T00:00:00Z");
  const apiVersion = "example.com/v1";
  const anObject = (spec: unknown): KubeObject => ({ apiVersion, kind: "Thing", metadata: { name: "a" }, spec });
  const apply = (live: KubeObject | undefined, manager: string, spec: unknown) =>
    serverSideApply({ live, applied: anObject(spec), manager, force: false, schema: undefined, now, apiVersion });

  it("owns maps field by field and lists as one", () => {
    const [entry] = apply(undefined, "one", { map: { a: 1 }, list: [{ name: "x" }] }).metadata.managedFields ?? [];
    assert.deepEqual(entry?.fieldsV1, {
      "f:spec": { ".": {}, "f:list": {}, "f:map": { ".": {}, "f:a": {} } },
    });
  });

  it("refuses a second opinion about a list, and lets the second manager add to a map", () => {
    const live = apply(undefined, "one", { map: { a: 1 }, list: [1] });
    assert.throws(() => apply(live, "two", { list: [2] }), { message: /conflict with "one": \.spec\.list$/ });
    assert.deepEqual(apply(live, "two", { map: { b: 2 } })["spec"], { map: { a: 1, b: 2 }, list: [1] });
  });

  it("forgives managedFields that make no sense", () => {
    const live = apply(undefined, "one", { a: 1 });
    live.metadata.managedFields = [
      { manager: "x", operation: "Update", apiVersion, fieldsType: "FieldsV1", fieldsV1: { "k:{": {} } },
    ];
    assert.deepEqual(apply(live, "two", { b: 2 })["spec"], { a: 1, b: 2 });
  });
});
