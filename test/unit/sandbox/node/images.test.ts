import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { durationMs, faultsOf, NO_FAULTS } from "../../../../sandbox/node/faults.ts";
import { parseImage, pullImage } from "../../../../sandbox/node/images.ts";

describe("image names", () => {
  const cases: Record<string, string | undefined> = {
    nginx: "docker.io/library/nginx:latest",
    "nginx:1.25": "docker.io/library/nginx:1.25",
    "stefanprodan/podinfo:6.0.1": "docker.io/stefanprodan/podinfo:6.0.1",
    "ghcr.io/stefanprodan/podinfo:6.0.0": "ghcr.io/stefanprodan/podinfo:6.0.0",
    "localhost:5000/web": "localhost:5000/web:latest",
    [`web@sha256:${"a".repeat(64)}`]: `docker.io/library/web@sha256:${"a".repeat(64)}`,
    "Web:1": undefined,
    "web:": undefined,
    "web app": undefined,
    "": undefined,
  };
  for (const [reference, full] of Object.entries(cases)) {
    it(`${JSON.stringify(reference)} means ${full}`, () => assert.equal(parseImage(reference)?.full, full));
  }

  it("takes a hostile name of 100 kB in no time", () => {
    const started = performance.now();
    assert.equal(parseImage(`${"a-".repeat(50_000)}!`), undefined);
    assert.ok(performance.now() - started < 200);
  });
});

describe("pulling", () => {
  const cases: Record<string, string> = {
    "podinfo:6.0.1": "pulled",
    "localhost:5000/podinfo:1": "pulled",
    "1234.dkr.ecr.eu-west-1.amazonaws.com/web:1": "pulled",
    "podinfo:not-found": "ErrImagePull",
    "ghcr.io/does-not-exist/podinfo:1": "ErrImagePull",
    "registry.example.invalid/podinfo:1": "ErrImagePull",
    "Pod Info": "InvalidImageName",
  };
  for (const [reference, outcome] of Object.entries(cases)) {
    it(`${reference}: ${outcome}`, () => {
      const pull = pullImage(reference);
      assert.equal(pull.kind === "pulled" ? "pulled" : pull.reason, outcome);
    });
  }
});

describe("faults", () => {
  const cases: { name: string; tag: string; env?: string; expected: Partial<typeof NO_FAULTS> }[] = [
    { name: "none for a plain tag", tag: "6.0.2", expected: {} },
    { name: "by tag: errors", tag: "6.0.2-error", expected: { errorShare: 0.5 } },
    { name: "by tag: slow", tag: "6.0.2-slow", expected: { delayMs: 750 } },
    { name: "by tag: crash", tag: "6.0.2-crash", expected: { crashAfterMs: 0 } },
    { name: "by tag: readiness", tag: "6.0.2-fail-readiness", expected: { failReadiness: true } },
    {
      name: "several by env",
      tag: "6.0.2",
      env: "error:0.25, delay:300ms,crash-after:3s,fail-liveness",
      expected: { errorShare: 0.25, delayMs: 300, crashAfterMs: 3000, failLiveness: true },
    },
    { name: "env overrides the tag", tag: "6.0.2-error", env: "error:0", expected: { errorShare: 0 } },
    { name: "nonsense is ignored", tag: "6.0.2", env: "boom,delay:soon,error:9,,", expected: { errorShare: 1 } },
  ];
  for (const { name, tag, env, expected } of cases) {
    it(name, () => {
      const variables: Record<string, string> = env === undefined ? {} : { FAULT: env };
      assert.deepEqual(faultsOf(tag, variables), { ...NO_FAULTS, ...expected });
    });
  }

  it("durations have units, seconds by default", () => {
    assert.deepEqual(["250ms", "1.5s", "2m", "3", "x"].map(durationMs), [250, 1500, 120_000, 3000, undefined]);
  });
});
