import { playHttpScenario } from "./httpScenario.ts";
import { type Room, recordingNames } from "./recording.ts";
import type { StepResult } from "./result.ts";
import { playWebhookScenario } from "./webhookScenario.ts";

/** A recorded scenario that can be played. */
export interface Scenario {
  /** `http/table`, `webhooks/deny`. */
  readonly name: string;
  play(): Promise<StepResult[]>;
}

/** Those that wait for real seconds to pass; they go first, so that nobody waits for them at the end. */
const slow = ["webhooks/transport-failures", "http/resource-version-semantics", "http/watch-start"];

/** All scenarios at hand. */
export function scenarios(rooms: readonly Room[] = ["http", "webhooks"]): Scenario[] {
  const all = rooms.flatMap((room) =>
    recordingNames(room).map((name) => ({
      name: `${room}/${name}`,
      play: () => (room === "http" ? playHttpScenario(name) : playWebhookScenario(name)),
    })),
  );
  const rank = ({ name }: Scenario) => (slow.includes(name) ? 0 : 1);
  return all.sort((a, b) => rank(a) - rank(b));
}

/** Plays scenarios, several at a time. */
export async function playAll(chosen: readonly Scenario[], atOnce: number): Promise<StepResult[]> {
  const waiting = [...chosen];
  const results: StepResult[] = [];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) results.push(...(await next.play()));
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return results;
}
