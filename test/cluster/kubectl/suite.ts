/** All stories, told by one kubectl. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import type { RawObject } from "../../../api/object.ts";
import { run } from "../program.ts";
import { skipLoudly, startTarget, type Target } from "../target.ts";
import { applying } from "./stories/applying.ts";
import { changing } from "./stories/changing.ts";
import { discovering } from "./stories/discovering.ts";
import { reading } from "./stories/reading.ts";
import { rolling } from "./stories/rolling.ts";
import { watching } from "./stories/watching.ts";
import { type Kubectl, type Story, tell } from "./story.ts";

/** Those that take longest come first: they run side by side. */
const stories: readonly Story[] = [...rolling, ...reading, ...watching, ...applying, ...changing, ...discovering];

/** Declares the tests. `path` is where that kubectl is, if it is here; `remedy` says how to get it where it is missing. */
export function describeStories(name: string, path: string | undefined, remedy: string): void {
  const missing = path === undefined ? skipLoudly(`${stories.length} tests of ${name}`, remedy) : false;
  describe(name, { concurrency: 6 }, () => {
    let target: Target;
    let kubectl: Kubectl;
    let ownCanaries = true;
    before(async () => {
      if (path === undefined) return;
      target = await startTarget();
      kubectl = { program: path, minor: await minorOf(path) };
      const { items } = JSON.parse(readFileSync(new URL("../../fixtures/kube/crds.json", import.meta.url), "utf8"));
      for (const crd of items as RawObject[]) {
        const installed = await target.install(crd);
        if (crd.metadata.name === "canaries.flagger.app") ownCanaries = installed;
      }
    });
    after(() => target?.stop());

    /** Why this cluster cannot play it. */
    const obstacle = (story: Story): string | undefined => {
      if (story.pods === true && target.noPods !== undefined) return target.noPods;
      if (story.canaries !== true || ownCanaries) return undefined;
      return "the cluster has Canaries of its own, which check what they get";
    };

    for (const story of stories) {
      it(story.name, { skip: missing }, async (test) => {
        const why = obstacle(story);
        if (why !== undefined) return test.skip(skipLoudly(`${story.name} of ${name}`, why));
        const played = await tell(story, target, kubectl);
        assert.ok(played > 0);
        test.diagnostic(`${played} of ${story.steps.length} commands are known to kubectl 1.${kubectl.minor}`);
      });
    }
  });
}

async function minorOf(program: string): Promise<number> {
  const { stdout } = await run({ program, args: ["version", "--client", "-o", "json"] });
  return Number.parseInt(JSON.parse(stdout).clientVersion.minor, 10);
}
