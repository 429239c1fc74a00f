import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aggregate } from "../../../../sandbox/apiserver/authorization/aggregation.ts";
import { Authorizer } from "../../../../sandbox/apiserver/authorization/authorizer.ts";
import { missingRights } from "../../../../sandbox/apiserver/authorization/escalation.ts";
import { questionOf } from "../../../../sandbox/apiserver/authorization/requests.ts";
import { isAllowedBy, type PolicyRule, type Question } from "../../../../sandbox/apiserver/authorization/rules.ts";
import { parseResourcePath } from "../../../../sandbox/apiserver/request.ts";
import { createStore } from "../../../../sandbox/apiserver/store.ts";
import type { KubeObject, UserInfo } from "../../../../sandbox/apiserver/types.ts";

/** `get apps deployments/scale demo podinfo`, or `get /path`; a dash stands for nothing. */
function ask(text: string): Question {
  const [verb = "", ...words] = text.split(" ");
  if (words[0]?.startsWith("/")) return { verb, path: words[0] };
  const [group = "", combined = "", namespace = "", name = ""] = words.map((word) => (word === "-" ? "" : word));
  const [resource = "", subresource = ""] = combined.split("/");
  return { verb, group, resource, subresource, namespace, name };
}

const rule = (apiGroups: string[], resources: string[], verbs: string[], resourceNames?: string[]): PolicyRule => ({
  apiGroups,
  resources,
  verbs,
  ...(resourceNames === undefined ? {} : { resourceNames }),
});

describe("a rule", () => {
  const cases: [string, PolicyRule, string, boolean][] = [
    ["allows its verb", rule(["apps"], ["deployments"], ["get"]), "get apps deployments demo x", true],
    ["allows no other verb", rule(["apps"], ["deployments"], ["get"]), "list apps deployments demo", false],
    ["with list allows no watch", rule(["apps"], ["deployments"], ["list"]), "watch apps deployments demo", false],
    ["with delete allows no deletecollection", rule([""], ["pods"], ["delete"]), "deletecollection - pods demo", false],
    ["allows no other group", rule([""], ["deployments"], ["get"]), "get apps deployments demo x", false],
    ["with every verb", rule([""], ["pods"], ["*"]), "impersonate - pods demo x", true],
    ["for every group", rule(["*"], ["deployments"], ["get"]), "get apps deployments demo x", true],
    ["for a resource leaves out its subresources", rule([""], ["pods"], ["get"]), "get - pods/log demo x", false],
    ["for a subresource leaves out the resource", rule([""], ["pods/log"], ["get"]), "get - pods demo x", false],
    ["for every resource includes subresources", rule([""], ["*"], ["get"]), "get - pods/log demo x", true],
    [
      "for one subresource of every resource",
      rule(["apps"], ["*/scale"], ["patch"]),
      "patch apps x/scale demo y",
      true,
    ],
    ["for that subresource only", rule(["apps"], ["*/scale"], ["patch"]), "patch apps x/status demo y", false],
    ["with names allows these", rule([""], ["secrets"], ["get"], ["a", "b"]), "get - secrets demo b", true],
    ["with names refuses others", rule([""], ["secrets"], ["get"], ["a"]), "get - secrets demo c", false],
    ["with names refuses what has none", rule([""], ["secrets"], ["create"], ["a"]), "create - secrets demo", false],
    ["for a path", { nonResourceURLs: ["/metrics"], verbs: ["get"] }, "get /metrics", true],
    ["for a path, and not below", { nonResourceURLs: ["/metrics"], verbs: ["get"] }, "get /metrics/x", false],
    ["for what begins with a path", { nonResourceURLs: ["/api/*"], verbs: ["get"] }, "get /api/v1", true],
    ["with a star within is no pattern", { nonResourceURLs: ["/a*z"], verbs: ["get"] }, "get /abcz", false],
    ["for resources says nothing of paths", rule(["*"], ["*"], ["*"]), "get /metrics", false],
    ["for paths says nothing of resources", { nonResourceURLs: ["*"], verbs: ["*"] }, "get - pods demo", false],
    ["that is empty", {}, "get - pods demo", false],
  ];
  for (const [name, given, question, want] of cases) {
    it(name, () => assert.equal(isAllowedBy(given, ask(question)), want));
  }
});

describe("what a request asks for", () => {
  const cases: [string, string, string][] = [
    ["GET", "/apis/apps/v1/namespaces/demo/deployments/x", "get apps deployments demo x"],
    ["HEAD", "/api/v1/nodes/a", "get - nodes - a"],
    ["GET", "/apis/apps/v1/namespaces/demo/deployments", "list apps deployments demo"],
    ["GET", "/apis/apps/v1/deployments?watch=1", "watch apps deployments"],
    ["GET", "/api/v1/namespaces/demo/secrets?watch=true&fieldSelector=metadata.name%3Dtls", "watch - secrets demo tls"],
    ["GET", "/api/v1/namespaces/demo/secrets?fieldSelector=metadata.name!%3Dtls", "list - secrets demo"],
    ["POST", "/api/v1/namespaces/demo/pods", "create - pods demo"],
    ["POST", "/api/v1/namespaces/demo/pods/x/eviction", "create - pods/eviction demo x"],
    ["PUT", "/apis/apps/v1/namespaces/demo/deployments/x/status", "update apps deployments/status demo x"],
    ["PATCH", "/apis/apps/v1/namespaces/demo/deployments/x/scale", "patch apps deployments/scale demo x"],
    ["DELETE", "/api/v1/namespaces/demo/pods", "deletecollection - pods demo"],
    ["DELETE", "/api/v1/namespaces/demo/pods/x", "delete - pods demo x"],
    ["GET", "/api/v1/namespaces/demo", "get - namespaces demo demo"],
    ["PUT", "/api/v1/namespaces/demo/finalize", "update - namespaces/finalize demo demo"],
    ["GET", "/apis/flagger.app/v1beta1", "get /apis/flagger.app/v1beta1"],
    ["GET", "/metrics", "get /metrics"],
  ];
  for (const [method, address, want] of cases) {
    it(`${method} ${address}`, () => {
      const [path = "", search = ""] = address.split("?", 2);
      assert.deepEqual(questionOf(parseResourcePath(path), path, method, new URLSearchParams(search)), ask(want));
    });
  }
});

const group = "rbac.authorization.k8s.io";
const roleObject = (kind: string, name: string, namespace: string | undefined, rules: PolicyRule[]): KubeObject => ({
  apiVersion: `${group}/v1`,
  kind,
  metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
  rules,
});
const bindingObject = (
  name: string,
  namespace: string | undefined,
  role: [string, string],
  ...subjects: object[]
): KubeObject => ({
  apiVersion: `${group}/v1`,
  kind: namespace === undefined ? "ClusterRoleBinding" : "RoleBinding",
  metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
  roleRef: { apiGroup: group, kind: role[0], name: role[1] },
  subjects,
});
const keyOfKind = (kind: string): string => `${kind.toLowerCase()}s.${group}`;
const reading = rule([""], ["pods"], ["get", "list"]);
const jane: UserInfo = { username: "jane", groups: ["team-web", "system:authenticated"] };
const deployer: UserInfo = {
  username: "system:serviceaccount:demo:deployer",
  groups: ["system:serviceaccounts", "system:serviceaccounts:demo", "system:authenticated"],
};

function cluster(...objects: KubeObject[]) {
  const store = createStore();
  const put = (object: KubeObject) => store.create(keyOfKind(object.kind), object);
  for (const object of objects) put(object);
  return { store, put, authorizer: new Authorizer(store) };
}

describe("bindings", () => {
  const role = roleObject("ClusterRole", "reader", undefined, [reading]);
  const everywhere: [string, object, UserInfo, boolean][] = [
    ["to a user", { kind: "User", name: "jane" }, jane, true],
    ["to another user", { kind: "User", name: "joe" }, jane, false],
    ["to a group", { kind: "Group", name: "team-web" }, jane, true],
    ["to a service account", { kind: "ServiceAccount", name: "deployer", namespace: "demo" }, deployer, true],
    ["to its name elsewhere", { kind: "ServiceAccount", name: "deployer", namespace: "other" }, deployer, false],
    ["to its user name", { kind: "User", name: deployer.username }, deployer, true],
    ["to all accounts of a namespace", { kind: "Group", name: "system:serviceaccounts:demo" }, deployer, true],
  ];
  for (const [name, subject, user, want] of everywhere) {
    it(`${name}, in the whole cluster`, () => {
      const { authorizer } = cluster(role, bindingObject("b", undefined, ["ClusterRole", "reader"], subject));
      for (const question of ["get - pods demo x", "list - pods"]) {
        assert.equal(authorizer.decide(user, ask(question)).allowed, want, question);
      }
    });
  }

  it("of a namespace hold there only, and name accounts of theirs", () => {
    const subject = { kind: "ServiceAccount", name: "deployer" };
    const { authorizer } = cluster(role, bindingObject("b", "demo", ["ClusterRole", "reader"], subject));
    const decide = (question: string) => authorizer.decide(deployer, ask(question));
    assert.deepEqual(decide("get - pods demo x"), {
      allowed: true,
      reason: 'RBAC: allowed by RoleBinding "b/demo" of ClusterRole "reader" to ServiceAccount "deployer/demo"',
    });
    assert.deepEqual(decide("get - pods other x"), { allowed: false, reason: "" });
    assert.equal(decide("list - pods").allowed, false);
  });

  it("follow every change at once: of roles, of bindings, of their subjects", () => {
    const { store, put, authorizer } = cluster();
    const may = () => authorizer.decide(jane, ask("get - pods demo x")).allowed;
    assert.equal(may(), false);
    put(roleObject("Role", "r", "demo", [reading]));
    let binding = put(bindingObject("b", "demo", ["Role", "r"], { kind: "User", name: "jane" }));
    assert.equal(may(), true);
    const rename = (name: string) => {
      const subjects = [{ kind: "User", name }];
      binding = store.update(
        keyOfKind("RoleBinding"),
        { ...binding, subjects },
        binding.metadata.resourceVersion ?? "",
      );
    };
    rename("joe");
    assert.equal(may(), false);
    rename("jane");
    assert.equal(may(), true);
    store.delete(keyOfKind("Role"), "demo", "r");
    assert.deepEqual(authorizer.decide(jane, ask("get - pods demo x")), {
      allowed: false,
      reason: 'RBAC: role.rbac.authorization.k8s.io "r" not found',
    });
    store.delete(keyOfKind("RoleBinding"), "demo", "b");
    assert.deepEqual(authorizer.decide(jane, ask("get - pods demo x")), { allowed: false, reason: "" });
  });

  it("are not needed by members of system:masters", () => {
    const { authorizer } = cluster();
    const admin = { username: "admin", groups: ["system:masters"] };
    assert.deepEqual(authorizer.decide(admin, ask("get /metrics")), { allowed: true, reason: "" });
    assert.deepEqual(authorizer.rulesFor(admin, "demo").length, 2);
  });
});

describe("what somebody grants", () => {
  const cases: [string, PolicyRule[], PolicyRule[], string[]][] = [
    ["that they hold", [reading], [rule([""], ["pods"], ["get"])], []],
    [
      "in parts, from several rules",
      [reading, rule([""], ["pods"], ["watch"])],
      [rule([""], ["pods"], ["get", "watch"])],
      [],
    ],
    [
      "beyond it",
      [reading],
      [rule([""], ["pods"], ["get", "delete", "patch"])],
      ['{APIGroups:[""], Resources:["pods"], Verbs:["delete" "patch"]}'],
    ],
    [
      "for all names, holding one",
      [rule([""], ["secrets"], ["get"], ["a"])],
      [rule([""], ["secrets"], ["get"])],
      ['{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}'],
    ],
    ["for one name, holding all", [rule([""], ["secrets"], ["get"])], [rule([""], ["secrets"], ["get"], ["a"])], []],
    [
      "as a star, holding much",
      [rule(["", "apps"], ["*"], ["*"])],
      [rule(["*"], ["*"], ["*"])],
      ['{APIGroups:["*"], Resources:["*"], Verbs:["*"]}'],
    ],
    [
      "for paths",
      [{ nonResourceURLs: ["/api/*"], verbs: ["get"] }],
      [{ nonResourceURLs: ["/api/v1", "/metrics"], verbs: ["get"] }],
      ['{NonResourceURLs:["/metrics"], Verbs:["get"]}'],
    ],
  ];
  for (const [name, held, granted, want] of cases) {
    it(name, () => assert.deepEqual(missingRights(held, granted), want));
  }
});

it("an aggregated role has every rule of its parts once, by their names", () => {
  const labels = { "example.com/to-all": "true" };
  const part = (name: string, rules: PolicyRule[]) => {
    const object = roleObject("ClusterRole", name, undefined, rules);
    return { ...object, metadata: { ...object.metadata, labels } };
  };
  const whole: KubeObject = {
    ...part("all", [rule(["old"], ["x"], ["get"])]),
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: labels }] },
  };
  const deletion = rule([""], ["pods"], ["delete"]);
  const foreign = roleObject("ClusterRole", "foreign", undefined, [rule(["*"], ["*"], ["*"])]);
  const parts = [part("z", [deletion, reading]), part("a", [reading]), foreign, whole];
  assert.deepEqual(aggregate(whole, parts), [reading, deletion]);
});
