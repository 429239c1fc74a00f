import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { admitObject } from "../../../sandbox/apiserver/crd/customObject.ts";
import type { Definition } from "../../../sandbox/apiserver/crd/definition.ts";
import { schemaOf } from "../../../sandbox/apiserver/crd/definition.ts";
import { definitionStrategy } from "../../../sandbox/apiserver/crd/definitionStrategy.ts";
import { compareVersions } from "../../../sandbox/apiserver/crd/versions.ts";
import type { FieldError, KubeObject, Strategy } from "../../../sandbox/apiserver/types.ts";
import { recordedCauses, recordedSteps, type Step } from "./recordings.ts";

const nothing: Strategy = {
  schema: () => undefined,
  prune: () => [],
  setDefaults: () => undefined,
  validate: () => [],
  prepareForCreate: () => undefined,
  prepareForUpdate: () => undefined,
};

function causesOf(errors: readonly FieldError[]): string[] {
  return errors.map((error) => `${error.field} ${error.reason} ${error.message}`).sort();
}

function bodyOf(step: Step): KubeObject {
  return step.body ?? (JSON.parse(step.bodyText ?? "{}") as KubeObject);
}

function storedSpec(step: Step): unknown {
  return (step.response?.body as KubeObject | undefined)?.["spec"];
}

function isCreation(step: Step): boolean {
  return step.method === "POST" && (step.path?.endsWith("/widgets") ?? false);
}

describe("a custom resource is checked by its schema as the API server does", () => {
  const steps = recordedSteps("crd-schema-validation");
  const schema = schemaOf(steps[0]?.body as Definition, "v1");
  for (const step of steps.filter(isCreation)) {
    it(step.note ?? "creates it", () => {
      const admitted = admitObject(schema, bodyOf(step));
      if (step.response?.status === 201) {
        assert.deepEqual(causesOf(admitted.errors), []);
        assert.deepEqual(admitted.object["spec"], storedSpec(step));
      } else assert.deepEqual(causesOf(admitted.errors), recordedCauses(step));
    });
  }

  it("tells which fields it dropped", () => {
    const step = steps.find((each) => each.note?.startsWith("everything fine"));
    assert.ok(step);
    assert.deepEqual(admitObject(schema, bodyOf(step)).prunedFields, ["spec.unknown", "spec.embedded.metadata.nope"]);
  });
});

describe("rules of a custom resource are evaluated as the API server does", () => {
  const steps = recordedSteps("crd-cel-validation");
  const schema = schemaOf(steps[0]?.body as Definition, "v1");
  for (const step of steps.filter(isCreation)) {
    it(step.note ?? "creates it", () => {
      const { errors } = admitObject(schema, bodyOf(step));
      assert.deepEqual(causesOf(errors), step.response?.status === 201 ? [] : recordedCauses(step));
    });
  }

  const widget = (spec: Record<string, unknown>): KubeObject => ({
    apiVersion: "example.com/v1",
    kind: "Widget",
    metadata: { name: "w" },
    spec,
  });

  it("compares with the stored value where there is one", () => {
    const changed = admitObject(schema, widget({ name: "b" }), widget({ name: "a" }));
    assert.deepEqual(causesOf(changed.errors), ['spec.name FieldValueInvalid Invalid value: "b": name is immutable']);
    assert.deepEqual(admitObject(schema, widget({}), widget({ name: "a" })).errors, []);
    assert.deepEqual(admitObject(schema, widget({ name: "z" }), widget({})).errors, []);
  });

  it("tolerates what was invalid before and did not change", () => {
    const stored = widget({ old: "longer than three", min: 1 });
    assert.deepEqual(admitObject(schema, widget({ old: "longer than three", min: 2 }), stored).errors, []);
    const errors = causesOf(admitObject(schema, widget({ old: "also too long" }), stored).errors);
    assert.equal(errors.length, 2);
    assert.match(
      errors[0] ?? "",
      /^<nil> FieldValueInvalid Invalid value: null: some validation rules were not checked/,
    );
    assert.equal(errors[1], "spec.old FieldValueTooLong Too long: may not be more than 3 bytes");
  });
});

describe("defaults and pruning", () => {
  const steps = recordedSteps("crd-defaulting-pruning");
  const schema = schemaOf(steps[2]?.body as Definition, "v1");
  for (const step of steps.slice(3).filter(isCreation)) {
    it(step.note ?? "creates it", () => {
      const { object, errors } = admitObject(schema, bodyOf(step));
      assert.deepEqual(errors, []);
      assert.deepEqual(object["spec"], storedSpec(step));
    });
  }
});

describe("a definition that cannot be served is refused", () => {
  const strategy = definitionStrategy(nothing);
  for (const step of recordedSteps("crd-invalid-definitions")) {
    it(step.note ?? "", () => {
      const object = structuredClone(step.body) as KubeObject;
      strategy.setDefaults(object, "v1");
      strategy.prepareForCreate(object);
      const errors = strategy.validate(object, undefined, undefined);
      if (step.response?.status === 201) {
        assert.deepEqual(causesOf(errors), []);
        const stored = step.response.body as KubeObject;
        assert.deepEqual([object["spec"], object["status"]], [stored["spec"], stored["status"]]);
      } else assert.deepEqual(causesOf(errors), recordedCauses(step));
    });
  }
});

describe("versions are ordered by stability, then by number", () => {
  it("prefers v2 to v1, releases to betas, betas to alphas, and numbers to names", () => {
    const shuffled = ["v1alpha1", "foo", "v1", "v2beta1", "v10", "v2", "bar", "v1beta2", "v1beta10"];
    assert.deepEqual(shuffled.sort(compareVersions), [
      "v10",
      "v2",
      "v1",
      "v2beta1",
      "v1beta10",
      "v1beta2",
      "v1alpha1",
      "bar",
      "foo",
    ]);
  });
});
