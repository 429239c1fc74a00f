import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { applyJsonPatch } from "../../../sandbox/apiserver/patch/json.ts";
import { applyMergePatch } from "../../../sandbox/apiserver/patch/merge.ts";
import { applyStrategicPatch, spentPatch } from "../../../sandbox/apiserver/patch/strategic.ts";
import { ApiError, type KubeObject, type TypeSchema } from "../../../sandbox/apiserver/types.ts";
import { recordedSteps, type Step } from "./recordings.ts";
import { WrittenKind } from "./writtenKind.ts";

/** Steps whose answer is the pipeline's around the patch: names, and what it says about the object as a whole. */
const aboutTheRequest = new Set(["changes the name", "result does not decode"]);

function ofDeployments(steps: readonly Step[]): Step[] {
  return steps.filter((step) => step.path?.includes("/deployments") === true && !aboutTheRequest.has(step.note ?? ""));
}

for (const scenario of ["patch-json", "patch-merge", "patch-strategic"]) {
  describe(`${scenario}, as recorded`, () => {
    const deployment = new WrittenKind("deployments");
    for (const [index, step] of ofDeployments(recordedSteps(scenario)).entries()) {
      it(`${index}: ${step.note ?? step.method}`, () => {
        const want = step.response?.body as KubeObject & { message: string };
        if ((step.response?.status ?? 0) < 400) {
          const got = deployment.play(step);
          assert.deepEqual(got["spec"], want["spec"]);
          assert.deepEqual(got.metadata.labels, want.metadata.labels);
          assert.deepEqual(got.metadata.finalizers, want.metadata.finalizers);
          assert.equal(got.metadata.generation, want.metadata.generation);
          return;
        }
        assert.throws(
          () => deployment.play(step),
          (error) =>
            error instanceof ApiError && error.code === step.response?.status && want.message.endsWith(error.message),
        );
      });
    }
  });
}

describe("a patch from a stranger", () => {
  const document = { metadata: { name: "a" }, spec: { list: [1, 2] } };

  const refused: Record<string, [code: number, operations: unknown]> = {
    "to the document as a whole": [422, [{ op: "add", path: "", value: {} }]],
    "with a path that does not begin with a slash": [422, [{ op: "remove", path: "spec" }]],
    "with an index that is no number": [422, [{ op: "add", path: "/spec/list/1x", value: 3 }]],
    "with an index beyond the end": [422, [{ op: "add", path: "/spec/list/3", value: 3 }]],
    "into a scalar": [422, [{ op: "add", path: "/metadata/name/x", value: 3 }]],
    "into what every object inherits": [422, [{ op: "add", path: "/constructor/prototype/x", value: 3 }]],
    "that is a null": [400, null],
    "that consists of nulls": [422, [null]],
  };
  for (const [what, [code, operations]] of Object.entries(refused)) {
    it(`${what} is refused`, () => {
      assert.throws(
        () => applyJsonPatch(document, operations),
        (error) => error instanceof ApiError && error.code === code,
      );
    });
  }

  it("cannot reach the prototype of objects", () => {
    const patch: unknown = JSON.parse('{"__proto__":{"polluted":true},"spec":{"__proto__":{"polluted":true}}}');
    applyMergePatch(document, patch);
    applyStrategicPatch(document, patch, { type: "object", preserveUnknown: true });
    applyJsonPatch(document, [{ op: "add", path: "/__proto__", value: { polluted: true } }]);
    assert.equal("polluted" in {}, false);
  });

  it("a strategic patch is quoted without the lists that came with an order: they are spent", () => {
    const containers = { type: "array", items: { type: "object" }, patchMergeKey: "name", patchStrategy: ["merge"] };
    const schema = { type: "object", fields: { spec: { type: "object", fields: { containers } } } } as TypeSchema;
    const live = { spec: { containers: [{ name: "a", image: "1" }], replicas: 1 } };
    const containersPatch = { "$setElementOrder/containers": [{ name: "a" }], containers: [{ name: "a", image: "2" }] };
    assert.deepEqual(spentPatch(live, { spec: { ...containersPatch, nope: 1 } }, schema), { spec: { nope: 1 } });
    assert.deepEqual(spentPatch(live, { spec: { containers: [{ name: "b" }] } }, schema), {
      spec: { containers: [{ name: "b" }] },
    });
  });

  it("leaves the document it was applied to as it was", () => {
    const before = structuredClone(document);
    const schema: TypeSchema = { type: "object", preserveUnknown: true };
    applyMergePatch(document, { spec: { list: [3], more: {} } });
    applyStrategicPatch(document, { spec: { list: [3], more: {} } }, schema);
    applyJsonPatch(document, [{ op: "add", path: "/spec/list/-", value: 3 }]);
    assert.deepEqual(document, before);
  });
});
