/**
 * Commands of kubectl, of two ages, against the cluster of `WEIR_TEST_KUBECONFIG` or a sandbox: what they print must
 * be what they were recorded printing against a real API server. The current kubectl is the one in PATH, the old one
 * (1.20, as Debian 11 and 12 have it) is named by `WEIR_KUBECTL_120`.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import type { RawObject } from "../../api/object.ts";
import { applying } from "./kubectl/stories/applying.ts";
import { changing } from "./kubectl/stories/changing.ts";
import { discovering } from "./kubectl/stories/discovering.ts";
import { reading } from "./kubectl/stories/reading.ts";
import { rolling } from "./kubectl/stories/rolling.ts";
import { watching } from "./kubectl/stories/watching.ts";
import { type Kubectl, type Story, tell } from "./kubectl/story.ts";
import { findProgram, run } from "./program.ts";
import { skipLoudly, startTarget, type Target } from "./target.ts";

/** Those that take longest come first: they run side by side. */
const stories: readonly Story[] = [...rolling, ...reading, ...watching, ...applying, ...changing, ...discovering];

const programs = [
  { name: "the current kubectl", path: findProgram("kubectl"), remedy: "install kubectl (Debian: kubernetes-client)" },
  {
    name: "kubectl 1.20",
    path: findProgram(process.env["WEIR_KUBECTL_120"] ?? "kubectl-1.20"),
    remedy: "let WEIR_KUBECTL_120 name a kubectl 1.20 (that of Debian 11's kubernetes-client)",
  },
];

describe("kubectl", { concurrency: true }, () => {
  let target: Target;
  let ownCanaries = true;
  before(async () => {
    target = await startTarget();
    const { items } = JSON.parse(readFileSync(new URL("../fixtures/kube/crds.json", import.meta.url), "utf8"));
    for (const crd of items as RawObject[]) {
      const installed = await target.install(crd);
      if (crd.metadata.name === "canaries.flagger.app") ownCanaries = installed;
    }
  });
  after(() => target.stop());

  /** Why this cluster cannot play it. */
  const obstacle = (story: Story): string | undefined => {
    if (story.pods === true && target.noPods !== undefined) return target.noPods;
    if (story.canaries === true && !ownCanaries)
      return "the cluster has Canaries of its own, which check what they get";
    return undefined;
  };

  for (const { name, path, remedy } of programs) {
    const missing = path === undefined ? skipLoudly(`${stories.length} tests of ${name}`, remedy) : false;
    describe(name, { concurrency: 6 }, () => {
      let kubectl: Kubectl | undefined;
      before(async () => {
        if (path !== undefined) kubectl = { program: path, minor: await minorOf(path) };
      });
      for (const story of stories) {
        it(story.name, { skip: missing }, async (test) => {
          assert.ok(kubectl !== undefined);
          const why = obstacle(story);
          if (why !== undefined) return test.skip(skipLoudly(`${story.name} of ${name}`, why));
          const played = await tell(story, target, kubectl);
          test.diagnostic(`${played} of ${story.steps.length} commands are known to kubectl 1.${kubectl.minor}`);
        });
      }
    });
  }
});

async function minorOf(program: string): Promise<number> {
  const { stdout } = await run({ program, args: ["version", "--client", "-o", "json"] });
  return Number.parseInt(JSON.parse(stdout).clientVersion.minor, 10);
}
