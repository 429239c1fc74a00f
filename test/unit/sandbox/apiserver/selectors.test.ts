import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { builtinResources } from "../../../../sandbox/apiserver/builtin/resources.ts";
import { parseFieldSelector, parseLabelSelector } from "../../../../sandbox/apiserver/selectors.ts";
import { ApiError, type KubeObject } from "../../../../sandbox/apiserver/types.ts";

function labelled(labels: Record<string, string>): KubeObject {
  return { apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "demo", labels } };
}

const podinfo = labelled({ app: "podinfo", tier: "web", weight: "10" });

const selections: [string, boolean][] = [
  ["", true],
  ["app=podinfo", true],
  ["app==podinfo,tier!=db", true],
  ["app!=podinfo", false],
  ["absent!=x", true],
  ["app in (podinfo, other)", true],
  ["app notin (podinfo)", false],
  ["absent notin (a)", true],
  ["tier", true],
  ["!tier", false],
  ["!absent,tier", true],
  ["weight>9", true],
  ["weight<10", false],
  ["app.kubernetes.io/name=x", false],
  ["app=", false],
];

describe("label selectors", () => {
  for (const [text, selected] of selections) {
    it(`${selected ? "select" : "leave out"} by ${JSON.stringify(text)}`, () => {
      assert.equal(parseLabelSelector(text)(podinfo), selected);
    });
  }

  it("are either understood or refused with 400, whatever they say", () => {
    const alphabet = fc.constantFrom("a", "b", "in", "notin", "(", ")", ",", "=", "!", "==", "!=", " ", "/", ">", "é");
    fc.assert(
      fc.property(fc.array(alphabet, { maxLength: 12 }), (parts) => {
        try {
          parseLabelSelector(parts.join(""))(podinfo);
        } catch (error) {
          assert.ok(error instanceof ApiError && error.code === 400, String(error));
        }
      }),
    );
  });
});

describe("field selectors", () => {
  const pods = builtinResources().find(({ plural }) => plural === "pods");
  assert.ok(pods);
  const pod = { ...podinfo, spec: { nodeName: "laptop" }, status: { phase: "Running" } };

  it("select by name, namespace and the fields of the kind", () => {
    const selected = (text: string) => parseFieldSelector(text, pods)(pod);
    assert.equal(selected("metadata.name=p,metadata.namespace=demo"), true);
    assert.equal(selected("spec.nodeName=laptop,status.phase!=Failed"), true);
    assert.equal(selected("status.phase=Failed"), false);
  });

  it("refuse what cannot be selected by", () => {
    for (const text of ["spec.replicas=1", "nonsense", "metadata.labels=x"]) {
      assert.throws(() => parseFieldSelector(text, pods), ApiError);
    }
  });
});
