import {
  attributionMarks,
  type Canary,
  type CanaryHook,
  eventReason,
  eventText,
  keyOf,
  messageOf,
  type Release,
  WeirError,
} from "../api/index.ts";
import { act } from "./act/act.ts";
import type { ActOptions } from "./act/lookup.ts";
import { type Answers, createAsking } from "./asking.ts";
import { decide } from "./decide/decide.ts";
import type { Action, Answer, Decision, Observation, Question } from "./decide/types.ts";
import { createDamper, createDriftMemory, type Damper, type DriftMemory, writersOf } from "./drifting.ts";
import type { Clock } from "./kube/clock.ts";
import type { Recorder } from "./kube/events.ts";
import type { Logger } from "./kube/log.ts";
import type { Metrics } from "./metrics.ts";
import type { Caches } from "./observe/caches.ts";
import type { Configs } from "./observe/configs.ts";
import { observe } from "./observe/observe.ts";
import type { Pods } from "./observe/pods.ts";
import { canaryRef } from "./observe/refs.ts";
import type { Settings } from "./settings.ts";
import type { Tellers } from "./tellers.ts";

/** Asks the world outside the cluster. Never throws: what goes wrong is an answer. */
export interface Asker {
  ask(canary: Canary, question: Question, signal: AbortSignal): Promise<Answer>;
  call(
    canary: Canary,
    hook: CanaryHook,
    phase: string,
    signal: AbortSignal,
    /** The change it is about; the one in the status when absent. */
    release?: Release,
  ): Promise<{ readonly ok: boolean; readonly message: string }>;
}

export interface LoopOptions {
  readonly settings: Settings;
  readonly caches: Caches;
  /** Undefined: ConfigMaps and Secrets are not tracked. */
  readonly configs: Pick<Configs, "of" | "forget"> | undefined;
  readonly pods: Pick<Pods, "troubleOf" | "leave" | "forget">;
  readonly api: ActOptions["api"];
  readonly asker: Asker;
  readonly recorder: Recorder;
  readonly tellers: Tellers;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly clock: Clock;
  /** Look at a canary again later. Replaces what was planned before. */
  readonly wakeAfter: (key: string, ms: number) => void;
}

/** A machine that neither settles nor asks in this many turns is wrong; it is left alone for a moment instead of spinning. */
const maxTurns = 12;
/** How long to trust that the watch shows us our own writes, in milliseconds. */
const echoMs = 5_000;

export interface Loop {
  /** One pass for one canary: observe, decide, act, until there is nothing left to do now or it has to be asked for. */
  readonly pass: (key: string, signal: AbortSignal) => Promise<void>;
  /** Ends what is being asked. */
  stop(): Promise<void>;
}

export function createLoop(options: LoopOptions): Loop {
  const lastRounds = new Map<string, number>();
  const told = new Map<string, string>();
  const unaccepted = new Map<string, number>();
  const guards = { memory: createDriftMemory(options.clock), damper: createDamper(options.clock) };
  const asking = createAsking((key) => options.wakeAfter(key, 0));

  const ask = async (key: string, canary: Canary, decision: Decision, signal: AbortSignal): Promise<Answers> => {
    const answers = await askAll(canary, decision, options, signal);
    if (decision.round === true) lastRounds.set(key, options.clock.now().getTime());
    return answers;
  };

  const pass = async (key: string, signal: AbortSignal): Promise<void> => {
    let answers: Answers | undefined;
    for (let turn = 0; turn < maxTurns; turn++) {
      const canary = options.caches.canaries.get(key) as Canary | undefined;
      if (canary === undefined) {
        lastRounds.delete(key);
        told.delete(key);
        unaccepted.delete(key);
        guards.memory.forget(key);
        guards.damper.forget(key);
        asking.drop(key);
        options.metrics.forget(key);
        options.configs?.forget(key);
        options.pods.forget(key);
        return;
      }
      const found = look(canary, options, lastRounds.get(key), answers ?? asking.known(key));
      if (found === undefined) return options.wakeAfter(key, echoMs);
      const seen = sinceUnaccepted(key, found, unaccepted);
      options.metrics.observe(key, seen);
      const decision = decide(seen);
      const { questions } = decision;
      try {
        if (answers === undefined) asking.settle(key);
        answers = seen.answers;
        if (decision.actions.length === 0 && questions.length === 0) return sleep(key, decision, options);
        // What is being asked already was announced then.
        if (questions.length > 0 && asking.isAsking(key, questions)) return;
        const done = await performAll(seen, decision.actions, options, guards, signal);
        if (done.statusWritten) lastRounds.set(key, options.clock.now().getTime());
        told.delete(key);
        if (done.heldMs > 0) return options.wakeAfter(key, done.heldMs);
      } catch (error) {
        tellOnce(canary, key, error, told, options);
        throw error;
      }
      if (questions.length > 0)
        return asking.begin(key, questions, seen.answers, (stop) => ask(key, canary, decision, stop));
      if (decision.wakeAfterMs !== undefined) return sleep(key, decision, options);
    }
    options.log.warn("canary does not settle", { canary: key });
    options.wakeAfter(key, echoMs);
  };
  return { pass, stop: () => asking.stop() };
}

function look(
  canary: Canary,
  options: LoopOptions,
  lastRoundAt: number | undefined,
  answers: Answers,
): Observation | undefined {
  if (!options.caches.templates.hasSynced || !options.caches.ready([canaryRef(canary)])) return undefined;
  const { meshProvider, selectorLabels, drainMs, crossNamespaceRefs } = options.settings;
  return observe(canary, {
    caches: options.caches,
    configs: options.configs,
    pods: options.pods,
    meshProvider,
    selectorLabels,
    crossNamespaceRefs,
    drainMs,
    now: options.clock.now().getTime(),
    lastRoundAt,
    answers,
  });
}

/** When a route began to wait for its router is nowhere to be read. Forgotten in a crash, it begins again. */
function sinceUnaccepted(key: string, seen: Observation, known: Map<string, number>): Observation {
  const { traffic, now } = seen;
  if (traffic === undefined || !("notAccepted" in traffic) || traffic.pending !== true) {
    known.delete(key);
    return seen;
  }
  const unacceptedSince = known.get(key) ?? now;
  known.set(key, unacceptedSince);
  return { ...seen, unacceptedSince };
}

function sleep(key: string, decision: Decision, options: LoopOptions): void {
  if (decision.wakeAfterMs !== undefined) options.wakeAfter(key, decision.wakeAfterMs);
}

interface Guards {
  readonly memory: DriftMemory;
  readonly damper: Damper;
}

/** Performs actions in order; the first that fails, or that is done too often, ends the pass. */
async function performAll(
  seen: Observation,
  actions: readonly Action[],
  options: LoopOptions,
  { memory, damper }: Guards,
  signal: AbortSignal,
): Promise<{ readonly statusWritten: boolean; readonly heldMs: number }> {
  const key = keyOf(seen.canary.metadata);
  const call = { ...options.settings, api: options.api, caches: options.caches, signal };
  const writers = await writersOf(seen.canary, actions, memory, call);
  // What is told after the status is written is told of that status.
  let { canary } = seen;
  for (const action of actions) {
    switch (action.kind) {
      case "event":
        if (action.drift === undefined || memory.isNews(key, action.message))
          announce(canary, by(action, writers), action.phase ?? phaseOf(seen.canary), options);
        if (action.drift !== undefined) memory.note(key, action.message);
        break;
      case "alert":
        options.tellers.alert(canary, action);
        break;
      case "count":
        options.metrics.count(seen.canary, action.outcome);
        break;
      case "tell":
        await tellHooks(canary, action.hooks, action.phase, options, signal);
        break;
      default: {
        const heldMs = damper.take(key, action);
        if (heldMs > 0) return { statusWritten: canary !== seen.canary, heldMs };
        await act(seen.canary, action, call);
        if (action.kind === "status") canary = { ...canary, status: action.status };
      }
    }
  }
  return { statusWritten: canary !== seen.canary, heldMs: 0 };
}

function by(event: Event, writers: ReadonlyMap<string, string>): Event {
  const writer = writers.get(event.message);
  return writer === undefined ? event : { ...event, message: `${event.message} (last written by ${writer})` };
}

async function askAll(
  canary: Canary,
  decision: Decision,
  options: LoopOptions,
  signal: AbortSignal,
): Promise<Record<string, Answer>> {
  const started = options.clock.monotonicMs();
  const answers = await Promise.all(
    decision.questions.map(
      async (question) => [question.id, await options.asker.ask(canary, question, signal)] as const,
    ),
  );
  for (const [index, question] of decision.questions.entries())
    options.metrics.answered(canary, question, answers[index]?.[1]);
  if (decision.round === true) options.metrics.round(canary, (options.clock.monotonicMs() - started) / 1000);
  return Object.fromEntries(answers);
}

/** post-rollout hooks: told, not asked. All at once; each result is an event. */
async function tellHooks(
  canary: Canary,
  hooks: readonly CanaryHook[],
  phase: string,
  options: LoopOptions,
  signal: AbortSignal,
): Promise<void> {
  const results = await Promise.all(hooks.map((hook) => options.asker.call(canary, hook, phase, signal)));
  for (const [index, result] of results.entries()) {
    const name = hooks[index]?.name ?? "";
    const event: Event = result.ok
      ? { type: "Normal", message: eventText.postRolloutPassed(name) }
      : { type: "Warning", message: eventText.postRolloutFailed(name, result.message) };
    announce(canary, event, phase, options);
  }
}

type Event = Pick<Extract<Action, { kind: "event" }>, "type" | "message" | "phase">;

/** Events of one canary are told in their order: to who describes it, and to programs that asked for it. */
function announce(canary: Canary, event: Event, phase: string, options: LoopOptions): void {
  const { type, message } = event;
  const name = `${canary.metadata.name}.${canary.metadata.namespace ?? ""}`;
  if (type === "Warning") options.log.warn(message, { canary: name });
  else options.log.info(message, { canary: name });
  const marks = event.phase === undefined ? {} : attributionMarks(canary.status?.release);
  const annotations = Object.keys(marks).length === 0 ? {} : { annotations: marks };
  options.recorder.record({ object: canary, type, reason: eventReason, message, ...annotations });
  options.tellers.event(canary, phase, { type, message, at: options.clock.now().getTime() });
}

function phaseOf(canary: Canary): string {
  return canary.status?.phase ?? "";
}

/** What the API server refuses is shown on the Canary, once per message: users look there and not into our log. */
function tellOnce(canary: Canary, key: string, error: unknown, told: Map<string, string>, options: LoopOptions): void {
  const passing =
    error instanceof WeirError && (error.class === "conflict" || error.class === "aborted" || error.class === "retry");
  const message = messageOf(error);
  if (passing || told.get(key) === message) return;
  told.set(key, message);
  announce(canary, { type: "Warning", message }, phaseOf(canary), options);
}
