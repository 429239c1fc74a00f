import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fieldsOf, knownKeys, type RawObject } from "../../../api/index.ts";
import {
  type ConfigRef,
  checksumOf,
  configOf,
  configRefs,
  keyOfConfig,
  primaryConfig,
  trackedOf,
} from "../../../controller/workloads/configs.ts";
import { daemonSet } from "../../../controller/workloads/daemonSet.ts";
import { deployment } from "../../../controller/workloads/deployment.ts";
import { aCanary } from "../aCanary.ts";
import { aDeployment } from "./aDeployment.ts";

const options = { selectorLabels: ["app"], includeLabelPrefix: ["team"] };

/** Every place where a template names one, each under a name of its own. */
const everywhere = {
  volumes: [
    { name: "a", configMap: { name: "map-volume" } },
    { name: "b", secret: { secretName: "secret-volume", optional: true } },
    {
      name: "c",
      projected: {
        sources: [
          { configMap: { name: "map-projected" } },
          { secret: { name: "secret-projected" } },
          { downwardAPI: {} },
        ],
      },
    },
    { name: "d", emptyDir: {} },
  ],
  containers: [
    {
      name: "shop",
      image: "shop:1",
      env: [
        { name: "PLAIN", value: "x" },
        { name: "A", valueFrom: { configMapKeyRef: { name: "map-env", key: "k" } } },
        { name: "B", valueFrom: { secretKeyRef: { name: "secret-env", key: "k" } } },
        { name: "C", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
      ],
      envFrom: [{ configMapRef: { name: "map-from" } }, { secretRef: { name: "secret-from" } }],
    },
  ],
  initContainers: [
    {
      name: "init",
      image: "init:1",
      env: [{ name: "A", valueFrom: { configMapKeyRef: { name: "map-init", key: "k" } } }],
      envFrom: [{ secretRef: { name: "secret-init" } }],
    },
  ],
  imagePullSecrets: [{ name: "registry" }],
};
const names = [
  "configmap/map-volume",
  "secret/secret-volume",
  "configmap/map-projected",
  "secret/secret-projected",
  "configmap/map-env",
  "secret/secret-env",
  "configmap/map-from",
  "secret/secret-from",
  "configmap/map-init",
  "secret/secret-init",
];

const aMap = (name: string, more: object = {}): RawObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "demo" },
  data: { a: "1" },
  ...more,
});
const templateOf = (object: RawObject) => fieldsOf(fieldsOf(object["spec"])["template"]);

describe("U-11: what a template refers to", () => {
  it("is found in every place, and nowhere else", () => {
    const refs = configRefs(templateOf(aDeployment({ pods: everywhere })));
    assert.deepEqual(refs.map(keyOfConfig).sort(), [...names].sort());
    assert.deepEqual(
      refs.filter(({ optional }) => optional).map(({ name }) => name),
      ["secret-volume"],
    );
    assert.deepEqual(configRefs(undefined), []);
    assert.deepEqual(configRefs({ spec: { volumes: "x", containers: [null] } }), []);
  });

  it("is needed when one of its references needs it", () => {
    const volume = (optional: boolean) => ({ name: `v${optional}`, configMap: { name: "one", optional } });
    for (const volumes of [
      [volume(true), volume(false)],
      [volume(false), volume(true)],
    ]) {
      assert.deepEqual(configRefs({ spec: { volumes } }), [{ kind: "ConfigMap", name: "one", optional: false }]);
    }
  });

  for (const kind of [deployment, daemonSet])
    it(`has copies in the primary ${kind.resource.kind}, but for what is not tracked`, () => {
      const target = { ...aDeployment({ pods: everywhere }), kind: kind.resource.kind };
      const find = (ref: ConfigRef) =>
        ref.name === "map-env" ? ({ state: "untracked" } as const) : configOf(aMap(ref.name));
      const tracked = trackedOf(configRefs(templateOf(target)), find, "demo");
      assert.ok("checksums" in tracked);
      const primary = kind.primary(aCanary().build(), target, { ...options, tracked });
      assert.deepEqual(
        configRefs(templateOf(primary)).map(keyOfConfig).sort(),
        names.map((name) => (name === "configmap/map-env" ? name : `${name}-primary`)).sort(),
      );
      const { imagePullSecrets, volumes } = fieldsOf(templateOf(primary)["spec"]);
      assert.deepEqual(imagePullSecrets, everywhere.imagePullSecrets);
      assert.deepEqual((volumes as unknown[])[3], everywhere.volumes[3]);
    });
});

it("pods of the primary are replaced when a config changes, and only then", () => {
  const target = aDeployment({ pods: { volumes: [{ name: "a", configMap: { name: "settings" } }] } });
  const primaryWith = (data: object) => {
    const tracked = trackedOf(configRefs(templateOf(target)), () => configOf(aMap("settings", data)), "demo");
    assert.ok("checksums" in tracked);
    return JSON.stringify(deployment.primary(aCanary().build(), target, { ...options, tracked }));
  };
  assert.equal(primaryWith({}), primaryWith({}));
  assert.notEqual(primaryWith({}), primaryWith({ data: { a: "2" } }));
  assert.notEqual(primaryWith({}), primaryWith({ binaryData: { b: "AA==" } }));
});

/** By Go: hex.EncodeToString(sha256(json.Marshal(data))[:8]). */
const checksums: Record<string, { data: unknown; text: string }> = {
  "sorted keys": { data: { b: "2", a: "1" }, text: '{"a":"1","b":"2"}' },
  "what Go escapes": {
    data: { a: "<a href='x'>&\u2028</a>" },
    text: '{"a":"\\u003ca href=\'x\'\\u003e\\u0026\\u2028\\u003c/a\\u003e"}',
  },
  "no data": { data: undefined, text: "null" },
};
describe("the checksum of a config is the known one", () => {
  for (const [name, { data, text }] of Object.entries(checksums)) {
    it(name, async () => {
      const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
      assert.equal(checksumOf(data), Buffer.from(digest).toString("hex").slice(0, 16));
    });
  }
});

describe("U-11: a config", () => {
  const secret = (type: string) => ({ ...aMap("s"), kind: "Secret", type });
  const cases: Record<string, { object: RawObject | undefined; want: string }> = {
    "that is there": { object: aMap("one"), want: "tracked" },
    "that is gone": { object: undefined, want: "missing" },
    "whose owner opted out": {
      object: aMap("one", { metadata: { name: "one", annotations: { [knownKeys.configTracking]: "disabled" } } }),
      want: "untracked",
    },
    "whose owner opted out in short": {
      object: aMap("one", { metadata: { name: "one", annotations: { [knownKeys.configTracking]: "disable" } } }),
      want: "untracked",
    },
    "with another annotation": {
      object: aMap("one", { metadata: { name: "one", annotations: { "flagger.app/other": "disabled" } } }),
      want: "tracked",
    },
    "that is a password": { object: secret("Opaque"), want: "tracked" },
    "that is a certificate": { object: secret("kubernetes.io/tls"), want: "tracked" },
    "that is a token": { object: secret("kubernetes.io/service-account-token"), want: "untracked" },
    "that is a registry login": { object: secret("kubernetes.io/dockerconfigjson"), want: "untracked" },
  };
  for (const [name, { object, want }] of Object.entries(cases)) {
    it(`${name} is ${want}`, () => assert.equal(configOf(object).state, want));
  }

  it("that pods cannot start without is an obstacle in the known words", () => {
    const ref = { kind: "Secret", name: "login", optional: false } as const;
    const missing = () => ({ state: "missing" }) as const;
    assert.deepEqual(trackedOf([ref], missing, "demo"), {
      obstacle: 'secret login.demo get query error: secrets "login" not found',
    });
    assert.deepEqual(trackedOf([{ ...ref, optional: true }], missing, "demo"), { checksums: {}, digest: undefined });
  });

  it("that two canaries share is controlled by the last, and owned by both", () => {
    const owner = { apiVersion: "flagger.app/v1beta1", kind: "Canary", name: "other", uid: "o", controller: true };
    const live = aMap("one-primary", {
      metadata: { name: "one-primary", namespace: "demo", resourceVersion: "5", ownerReferences: [owner] },
    });
    const source = aMap("one", {
      metadata: { name: "one", namespace: "demo", labels: { team: "a", x: "y" }, annotations: { a: "b" } },
      binaryData: { b: "AA==" },
      immutable: true,
    });
    const copy = primaryConfig(aCanary().build(), source, live, options.includeLabelPrefix);
    assert.deepEqual(
      copy.metadata.ownerReferences?.map(({ name, controller }) => [name, controller]),
      [
        ["shop", true],
        ["other", false],
      ],
    );
    assert.deepEqual(
      [copy.metadata.resourceVersion, copy.metadata.labels, copy.metadata.annotations],
      ["5", { team: "a" }, undefined],
    );
    assert.deepEqual([copy["data"], copy["binaryData"], copy["immutable"]], [{ a: "1" }, { b: "AA==" }, undefined]);
  });
});
