import { describe, it } from "node:test";
import fc from "fast-check";
import { verdictOf, WebhookCallError } from "../../../sandbox/apiserver/admission/review.ts";
import { admitObject } from "../../../sandbox/apiserver/crd/customObject.ts";
import { definitionStrategy } from "../../../sandbox/apiserver/crd/definitionStrategy.ts";
import type { JsonSchema } from "../../../sandbox/apiserver/crd/schema.ts";
import type { KubeObject, Strategy } from "../../../sandbox/apiserver/types.ts";

const nothing: Strategy = {
  schema: () => undefined,
  prune: () => [],
  setDefaults: () => undefined,
  validate: () => [],
  prepareForCreate: () => undefined,
  prepareForUpdate: () => undefined,
};

/** A JSON value in which words of the subject are more likely than chance would have them. */
function jsonWith(words: readonly string[]): fc.Arbitrary<unknown> {
  return fc.letrec((again) => ({
    value: fc.oneof(
      { depthSize: "small" },
      fc.constantFrom<unknown>(null, true, 0, -1, 1.5, "", "x", "object", "array", "integer", "map"),
      fc.array(again("value"), { maxLength: 3 }),
      fc.dictionary(fc.oneof(fc.constantFrom(...words), fc.string({ maxLength: 3 })), again("value"), { maxKeys: 4 }),
    ),
  })).value;
}

const definitionWords = [
  ...["group", "scope", "names", "plural", "kind", "versions", "name", "served", "storage", "schema"],
  ...["openAPIV3Schema", "type", "properties", "items", "additionalProperties", "default", "oneOf", "not", "required"],
  ...["x-kubernetes-validations", "rule", "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "conversion", "enum"],
];

describe("input of any shape is answered, never thrown at", () => {
  it("as a CustomResourceDefinition", () => {
    const strategy = definitionStrategy(nothing);
    fc.assert(
      fc.property(jsonWith(definitionWords), jsonWith(definitionWords), (spec, schema) => {
        const whole = {
          apiVersion: "apiextensions.k8s.io/v1",
          kind: "CustomResourceDefinition",
          metadata: { name: "a" },
        };
        const version = { name: "v1", served: true, storage: true, schema: { openAPIV3Schema: schema } };
        const sound = {
          group: "example.com",
          scope: "Namespaced",
          names: { plural: "as", kind: "A" },
          versions: [version],
        };
        for (const each of [spec, sound]) {
          const object = structuredClone({ ...whole, spec: each }) as KubeObject;
          strategy.setDefaults(object, "v1");
          strategy.prepareForCreate(object);
          strategy.validate(object, undefined, undefined);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("as a custom resource", () => {
    const schema: JsonSchema = {
      type: "object",
      properties: {
        spec: {
          type: "object",
          required: ["a"],
          properties: {
            a: { type: "string", pattern: "^a+$", default: "aa" },
            list: {
              type: "array",
              "x-kubernetes-list-type": "map",
              "x-kubernetes-list-map-keys": ["k"],
              items: { type: "object", properties: { k: { type: "integer", default: 1 } } },
            },
            any: { "x-kubernetes-preserve-unknown-fields": true },
            map: { type: "object", additionalProperties: { type: "integer", minimum: 1 } },
            one: { type: "object", oneOf: [{ required: ["x"] }, { required: ["y"] }] },
          },
          "x-kubernetes-validations": [{ rule: "!has(self.list) || self.list.all(e, e.k > 0)" }],
        },
      },
    };
    const words = ["a", "list", "k", "any", "map", "one", "x", "y"];
    fc.assert(
      fc.property(jsonWith(words), jsonWith(words), (spec, old) => {
        const object = (value: unknown) =>
          ({ apiVersion: "example.com/v1", kind: "A", metadata: { name: "a" }, spec: value }) as KubeObject;
        admitObject(schema, object(spec));
        admitObject(schema, object(spec), object(old));
      }),
      { numRuns: 2000 },
    );
  });

  it("as the answer of a webhook", () => {
    const words = ["apiVersion", "kind", "response", "uid", "allowed", "patch", "patchType", "status", "warnings"];
    fc.assert(
      fc.property(
        fc.oneof(
          jsonWith(words).map((value) => JSON.stringify(value)),
          fc.string(),
        ),
        (body) => {
          try {
            verdictOf(body, "uid", "mutating");
          } catch (error) {
            if (!(error instanceof WebhookCallError)) throw error;
          }
        },
      ),
      { numRuns: 3000 },
    );
  });
});
