import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { columnsOf, shortDuration } from "../../../sandbox/apiserver/crd/columns.ts";
import { compileJsonPath } from "../../../sandbox/apiserver/crd/jsonPath.ts";
import { typeSchemaOf } from "../../../sandbox/apiserver/crd/typeSchema.ts";

describe("JSON paths of columns", () => {
  const root = {
    spec: { replicas: 3, "a.b": 1 },
    status: {
      conditions: [
        { type: "Ready", status: "True" },
        { type: "Stalled", status: "False" },
      ],
      list: ["x", "y"],
    },
  };
  const cases: [string, unknown[]][] = [
    [".spec.replicas", [3]],
    [".status.list[0]", ["x"]],
    [".status.list[-1]", ["y"]],
    [".status.list[*]", ["x", "y"]],
    ['.status.conditions[?(@.type=="Ready")].status', ["True"]],
    [".status.conditions[?(@.type=='Stalled')].status", ["False"]],
    ['.status.conditions[?(@.type != "Ready")].type', ["Stalled"]],
    ["{.spec.replicas}", [3]],
    [".spec['a.b']", [1]],
    [".spec.a\\.b", [1]],
    [".nothing.at.all", []],
    [".status.list[9]", []],
    [".broken[", []],
  ];
  for (const [path, expected] of cases) it(path, () => assert.deepEqual(compileJsonPath(path)(root), expected));
});

describe("cells of declared columns", () => {
  const object = {
    apiVersion: "example.com/v1",
    kind: "Widget",
    metadata: { name: "w", creationTimestamp: "2026-01-01T00:00:00Z" },
    spec: { size: 3.7, on: true, text: "t", list: ["a"] },
  };
  const now = new Date("2026-01-01T00:05:30Z");
  const cell = (type: string, jsonPath: string) => columnsOf([{ name: "C", type, jsonPath }])[1]?.cell(object, now);
  const cases: [string, string, unknown][] = [
    ["integer", ".spec.size", 3],
    ["number", ".spec.size", 3.7],
    ["boolean", ".spec.on", true],
    ["string", ".spec.text", "t"],
    ["string", ".spec.size", "3.7"],
    ["string", ".spec.list", '["a"]'],
    ["integer", ".spec.text", null],
    ["date", ".metadata.creationTimestamp", "5m30s"],
    ["date", ".spec.text", "<invalid>"],
    ["string", ".spec.nothing", null],
  ];
  for (const [type, path, expected] of cases) it(`${type} of ${path}`, () => assert.equal(cell(type, path), expected));

  it("without declared columns there are name and age", () => {
    assert.deepEqual(
      columnsOf(undefined).map((column) => column.name),
      ["Name", "Age"],
    );
  });

  const second = 1000;
  const ages: [number, string][] = [
    [0, "0s"],
    [119, "119s"],
    [120, "2m"],
    [599, "9m59s"],
    [600, "10m"],
    [3 * 3600 - 1, "179m"],
    [3 * 3600, "3h"],
    [7 * 3600 + 60, "7h1m"],
    [47 * 3600, "47h"],
    [50 * 3600, "2d2h"],
    [324 * 86_400, "324d"],
    [800 * 86_400, "2y70d"],
    [10 * 365 * 86_400, "10y"],
  ];
  for (const [seconds, expected] of ages) {
    it(`${seconds} s are shown as ${expected}`, () => assert.equal(shortDuration(seconds * second), expected));
  }
});

describe("how custom resources merge", () => {
  const tree = typeSchemaOf({
    type: "object",
    properties: {
      spec: {
        type: "object",
        properties: {
          keyed: {
            type: "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["port", "protocol"],
            items: {
              type: "object",
              properties: { port: { type: "integer" }, protocol: { type: "string", default: "TCP" } },
            },
          },
          set: { type: "array", "x-kubernetes-list-type": "set", items: { type: "string" } },
          plain: { type: "array", items: { type: "string" } },
          whole: { type: "object", "x-kubernetes-map-type": "atomic", properties: { a: { type: "string" } } },
          free: { type: "object", additionalProperties: { type: "integer" } },
          open: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
          either: { "x-kubernetes-int-or-string": true },
          maybe: { type: "string", nullable: true },
        },
      },
    },
  });
  const field = (name: string) => tree.fields?.["spec"]?.fields?.[name];

  it("keyed lists by their keys, with the defaults of these", () => {
    assert.deepEqual(
      [field("keyed")?.list, field("keyed")?.listMapKeys, field("keyed")?.keyDefaults],
      ["map", ["port", "protocol"], { protocol: "TCP" }],
    );
  });
  it("sets by value, other lists as one", () => {
    assert.deepEqual([field("set")?.list, field("plain")?.list], ["set", "atomic"]);
  });
  it("atomic maps as one, free maps by key, open ones as they come", () => {
    assert.equal(field("whole")?.atomic, true);
    assert.equal(field("free")?.values?.type, "integer");
    assert.equal(field("open")?.preserveUnknown, true);
  });
  it("leaves that may be of two types, or null", () => {
    assert.deepEqual([field("either")?.type, field("maybe")?.nullable], ["any", true]);
  });
  it("knows metadata although no schema declares it", () => {
    assert.equal(tree.fields?.["metadata"]?.fields?.["finalizers"]?.list, "set");
  });
});
