import { transitions } from "../controller/decide/transitions.ts";

/** docs/STATES.md. */
export function statesDocument(): string {
  const rows = transitions.map(
    ({ from, to, when, effect }) => `| ${from.map(phaseName).join(", ")} | ${phaseName(to)} | ${when} | ${effect} |`,
  );
  return `# The states of a release

Written by \`npm run manifests\` from \`controller/decide/transitions.ts\`: change it there. The exploration of a small world
(\`test/property/exploration.test.ts\`) meets each of these changes of \`status.phase\`, and no other.

| from | to | when | what follows |
|---|---|---|---|
${rows.join("\n")}

A suspended Canary, and one with an obstacle (condition \`Stalled\`), stays where it is.
`;
}

function phaseName(phase: string): string {
  return phase === "" ? "(none)" : phase;
}
