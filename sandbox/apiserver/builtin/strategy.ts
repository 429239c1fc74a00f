/** Turns what is known about a kind into the `Strategy` the write pipeline calls. */
import type { FieldError, KubeObject, Strategy, TypeSchema } from "../types.ts";
import { decode, decodeProblem } from "./decode.ts";

/** What is particular to one kind. Everything absent means: nothing to do. */
export interface KindRules {
  readonly schema: (version: string) => TypeSchema;
  readonly defaults?: (object: KubeObject, version: string, old: KubeObject | undefined) => void;
  readonly validate?: (
    object: KubeObject,
    old: KubeObject | undefined,
    subresource: string | undefined,
  ) => FieldError[];
}

export function strategyOf(rules: KindRules): Strategy {
  return {
    schema: rules.schema,
    prune: (object, version) => decode(object, rules.schema(version)),
    decodeProblem: (object, version) => decodeProblem(object, rules.schema(version)),
    setDefaults: (object, version, old) => rules.defaults?.(object, version, old),
    validate: (object, old, subresource) => rules.validate?.(object, old, subresource) ?? [],
    prepareForCreate: () => {},
    prepareForUpdate: () => {},
  };
}
