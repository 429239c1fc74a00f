import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { type RawObject, webhookConfiguration } from "../../../api/index.ts";
import { createAuthority } from "../../../certs/issue.ts";
import type { Facts, Finding, Known } from "../../../doctor/facts.ts";
import { judge } from "../../../doctor/judge.ts";
import { rightsIn } from "../../../doctor/rights.ts";

const now = new Date("2026-01-01T00:00:00Z");
const wanted = new Map([["canaries.flagger.app", ["v1beta1", "v1alpha3"]]]);
const known = <T>(value: T): Known<T> => ({ kind: "known", value });
const absent = { kind: "absent" } as const;
const unknown = { kind: "unknown", why: "403 forbidden" } as const;
const object = (fields: object): RawObject => ({ apiVersion: "v1", kind: "Any", metadata: { name: "any" }, ...fields });
const base64 = (text: string) => Buffer.from(text).toString("base64");

let authority: { readonly cert: string; readonly key: string };
let healthy: Facts;

interface Webhook {
  readonly name: string;
  readonly rules: readonly object[];
  readonly clientConfig: { readonly service?: object };
}

function configuration(
  type: "mutating" | "validating",
  change: (webhooks: readonly Webhook[]) => readonly object[] = (same) => same,
) {
  const options = {
    endpoint: { service: { namespace: "weir-system", name: "weir-server", port: 443 } },
    caBundle: base64(`${authority.cert.trim()}\n`),
    sparedNamespaces: [],
    controllerUsers: [],
  };
  return known(object({ webhooks: change([...webhookConfiguration(type, options).webhooks]) }));
}

const definition = (...versions: string[]) =>
  known(object({ spec: { versions: versions.map((name) => ({ name, served: true })) } }));
const slice = (...ready: boolean[]) =>
  object({ endpoints: ready.map((each) => ({ addresses: ["10.0.0.1"], conditions: { ready: each } })) });
const lease = (spec: object) => known(object({ spec: { leaseDurationSeconds: 15, ...spec } }));
const right = { account: "weir-server", subresource: "", namespace: "", name: "" };

before(async () => {
  authority = await createAuthority(new Date());
  healthy = {
    now,
    namespace: "weir-system",
    definitions: new Map([["canaries.flagger.app", definition("v1beta1", "v1alpha3")]]),
    mutating: configuration("mutating"),
    validating: configuration("validating"),
    secret: known(object({ data: { "ca.crt": base64(authority.cert), "ca.key": base64(authority.key) } })),
    service: known(object({ spec: { ports: [{ port: 443 }] } })),
    slices: known([slice(true, false)]),
    contacts: [{ address: "10.0.0.1:10250", outcome: { kind: "trusted", notAfter: new Date("2026-03-01T00:00:00Z") } }],
    missingRights: known([]),
    lease: lease({ holderIdentity: "weir-controller-1", renewTime: "2025-12-31T23:59:50.000000Z" }),
    dryRun: { kind: "refusedByUs" },
  };
});

/** Each: what is wrong, and the one finding that is not ok. */
const cases: readonly (readonly [string, () => Partial<Facts>, `${Finding["verdict"]} ${Finding["check"]}`, RegExp])[] =
  [
    [
      "a kind is missing",
      () => ({ definitions: new Map() }),
      "broken definitions",
      /canaries.flagger.app is not installed/,
    ],
    [
      "an old version of a kind is not served",
      () => ({ definitions: new Map([["canaries.flagger.app", definition("v1beta1")]]) }),
      "broken definitions",
      /does not serve v1alpha3/,
    ],
    [
      "a configuration is missing",
      () => ({ validating: absent }),
      "broken configurations",
      /no ValidatingWebhookConfiguration/,
    ],
    [
      "a configuration may not be read",
      () => ({ validating: unknown }),
      "unknown configurations",
      /Validating.*403 forbidden/,
    ],
    [
      "a webhook was taken out",
      () => ({ mutating: configuration("mutating", (all) => all.filter(({ name }) => name !== "scale.weir.sh")) }),
      "broken configurations",
      /has no webhook scale.weir.sh/,
    ],
    [
      "a webhook sees fewer writes",
      () => ({
        mutating: configuration("mutating", ([first, ...rest]) => [
          { ...first, rules: [{ ...first?.rules[0], operations: ["CREATE"] }] },
          ...rest,
        ]),
      }),
      "broken configurations",
      /other rules or another path/,
    ],
    [
      "a webhook is called on another path",
      () => ({
        mutating: configuration("mutating", ([first, ...rest]) => [
          {
            ...first,
            clientConfig: { ...first?.clientConfig, service: { ...first?.clientConfig.service, path: "/" } },
          },
          ...rest,
        ]),
      }),
      "broken configurations",
      /other rules or another path/,
    ],
    [
      "workloads cannot be written without the webhook",
      () => ({
        mutating: configuration("mutating", ([first, ...rest]) => [{ ...first, failurePolicy: "Fail" }, ...rest]),
      }),
      "warning configurations",
      /Fail in place of Ignore/,
    ],
    [
      "a webhook trusts nobody",
      () => ({
        mutating: configuration("mutating", ([first, ...rest]) => [
          { ...first, clientConfig: { ...first?.clientConfig, caBundle: undefined } },
          ...rest,
        ]),
      }),
      "broken trust",
      /no caBundle in/,
    ],
    [
      "a webhook trusts somebody else",
      () => ({
        mutating: configuration("mutating", ([first, ...rest]) => [
          { ...first, clientConfig: { ...first?.clientConfig, caBundle: base64("other") } },
          ...rest,
        ]),
      }),
      "broken trust",
      /caBundle is not that of the Secret/,
    ],
    ["the Secret may not be read", () => ({ secret: unknown }), "unknown trust", /403 forbidden/],
    ["the Service is missing", () => ({ service: absent }), "broken service", /weir-system\/weir-server is not there/],
    [
      "the Service has another port",
      () => ({ service: known(object({ spec: { ports: [{ port: 8443 }] } })) }),
      "broken service",
      /no port 443/,
    ],
    ["no endpoint is ready", () => ({ slices: known([slice(false)]) }), "broken endpoints", /no server is ready/],
    [
      "the certificate is not trusted",
      () => ({ contacts: [{ address: "a:1", outcome: { kind: "untrusted", why: "wrong name" } }] }),
      "broken certificate",
      /does not trust a:1: wrong name/,
    ],
    [
      "the certificate ends soon",
      () => ({
        contacts: [{ address: "a:1", outcome: { kind: "trusted", notAfter: new Date("2026-01-10T00:00:00Z") } }],
      }),
      "warning certificate",
      /ends at 2026-01-10/,
    ],
    [
      "pods cannot be reached from outside",
      () => ({ contacts: [{ address: "a:1", outcome: { kind: "unreached", why: "ETIMEDOUT" } }] }),
      "unknown certificate",
      /cannot be reached from here/,
    ],
    [
      "a right is missing",
      () => ({ missingRights: known([{ ...right, group: "apps", resource: "deployments", verb: "get" }]) }),
      "broken rights",
      /weir-server may not get deployments.apps/,
    ],
    [
      "a right for a mesh was taken away",
      () => ({ missingRights: known([{ ...right, group: "kuma.io", resource: "trafficroutes", verb: "list" }]) }),
      "warning rights",
      /may not list trafficroutes.kuma.io/,
    ],
    ["no controller ever ran", () => ({ lease: absent }), "broken controller", /there is no Lease/],
    ["nobody leads", () => ({ lease: lease({ holderIdentity: "" }) }), "broken controller", /given back/],
    [
      "the leader is dead",
      () => ({ lease: lease({ holderIdentity: "one", renewTime: "2025-12-31T23:59:00Z" }) }),
      "broken controller",
      /has not renewed its Lease since 2025-12-31/,
    ],
    ["nobody refuses mistakes", () => ({ dryRun: { kind: "accepted" } }), "broken dryRun", /nobody looks at Canaries/],
    [
      "the webhook cannot be called",
      () => ({ dryRun: { kind: "failed", message: "connection refused" } }),
      "broken dryRun",
      /connection refused/,
    ],
  ];

describe("the diagnosis", () => {
  test("of a healthy installation has nothing to say", () => {
    assert.deepEqual(
      judge(healthy, wanted).filter(({ verdict }) => verdict !== "ok"),
      [],
    );
  });
  for (const [name, change, want, says] of cases) {
    test(name, () => {
      const found = judge({ ...healthy, ...change() }, wanted).filter(({ verdict }) => verdict !== "ok");
      assert.deepEqual(
        found.map(({ verdict, check }) => `${verdict} ${check}`),
        [want],
      );
      assert.match(found[0]?.says ?? "", says);
      assert.equal(found[0]?.advice !== undefined, !want.startsWith("unknown"), "what is wrong comes with what to do");
    });
  }
});

test("rights are read one by one, each where its role holds", () => {
  const rules = [
    { apiGroups: ["apps"], resources: ["deployments/scale"], verbs: ["get", "patch"], resourceNames: ["a"] },
  ];
  const roles = ["ClusterRole", "Role", "RoleBinding"].map((kind) => ({ ...object({ rules }), kind }));
  const shared = { account: "any", group: "apps", resource: "deployments", subresource: "scale", name: "a" };
  assert.deepEqual(rightsIn(roles, "ours"), [
    { ...shared, namespace: "", verb: "get" },
    { ...shared, namespace: "", verb: "patch" },
    { ...shared, namespace: "ours", verb: "get" },
    { ...shared, namespace: "ours", verb: "patch" },
  ]);
});
