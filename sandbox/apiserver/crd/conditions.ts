/** What `status` of a definition says about its names and whether it is served. */
import {
  type Condition,
  type Definition,
  type DefinitionNames,
  type DefinitionStatus,
  isEstablished,
} from "./definition.ts";

type Finding = Required<Omit<Condition, "lastTransitionTime">>;

const established: Finding = {
  type: "Established",
  status: "True",
  reason: "InitialNamesAccepted",
  message: "the initial names have been accepted",
};

/** A name of this definition that one of the others of its group has already. */
export function nameConflict(definition: Definition, others: Iterable<Definition>): string | undefined {
  const { group, names } = definition.spec;
  for (const other of others) {
    if (other.metadata.name === definition.metadata.name || other.spec.group !== group) continue;
    const taken = new Set(wordsOf(other.spec.names));
    const word = wordsOf(names).find((each) => taken.has(each));
    if (word !== undefined) return word;
    if (other.spec.names.kind === names.kind) return names.kind;
  }
  return undefined;
}

function wordsOf(names: DefinitionNames): string[] {
  return [names.plural, names.singular ?? names.kind.toLowerCase(), ...(names.shortNames ?? [])];
}

/** The status a definition should have. Conditions that hold already keep their times. */
export function statusOf(definition: Definition, conflict: string | undefined, now: Date): DefinitionStatus {
  const before = definition.status ?? { conditions: null, acceptedNames: { plural: "", kind: "" }, storedVersions: [] };
  const wanted = findings(definition, conflict);
  const known = before.conditions ?? [];
  const time = `${now.toISOString().slice(0, 19)}Z`;
  const conditions = wanted.map(({ type, status, reason, message }) => {
    const same = known.find((each) => each.type === type && each.status === status);
    return { type, status, lastTransitionTime: same?.lastTransitionTime ?? time, reason, message };
  });
  const others = known.filter((each) => !wanted.some((finding) => finding.type === each.type));
  const acceptedNames = conflict === undefined ? structuredClone(definition.spec.names) : before.acceptedNames;
  return { ...before, conditions: [...conditions, ...others], acceptedNames };
}

function findings(definition: Definition, conflict: string | undefined): Finding[] {
  if (conflict === undefined) {
    return [
      { type: "NamesAccepted", status: "True", reason: "NoConflicts", message: "no conflicts found" },
      established,
    ];
  }
  const taken = `${JSON.stringify(conflict)} is already in use`;
  return [
    { type: "NamesAccepted", status: "False", reason: "NameConflict", message: taken },
    isEstablished(definition)
      ? established
      : { type: "Established", status: "False", reason: "NotAccepted", message: "not all names are accepted" },
  ];
}
