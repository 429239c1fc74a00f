/**
 * A structural schema, in the plain OpenAPI v3 form that a CustomResourceDefinition carries. A schema written `as const` is the
 * one source of a kind: the CRD is printed from it, admission walks it, and `FromSchema` makes the TypeScript type of it.
 */
export interface Schema {
  readonly type?: "object" | "array" | "string" | "integer" | "number" | "boolean";
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly default?: unknown;
  readonly nullable?: boolean;
  readonly "x-kubernetes-int-or-string"?: true;
  readonly "x-kubernetes-list-type"?: "atomic" | "set" | "map";
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-validations"?: readonly CelRule[];
}

/** One entry of `x-kubernetes-validations`. */
export interface CelRule {
  readonly rule: string;
  readonly message: string;
  /** FieldValueInvalid when absent. */
  readonly reason?: "FieldValueRequired";
  /** Relative to the node that carries the rule; must exist in the schema. */
  readonly fieldPath?: string;
}

/** The type of the JSON that a schema accepts. Fields are readonly; those not `required` are optional. */
export type FromSchema<S> = S extends { readonly "x-kubernetes-int-or-string": true }
  ? string | number
  : S extends { readonly enum: readonly (infer E)[] }
    ? E
    : S extends { readonly type: "string" }
      ? string
      : S extends { readonly type: "integer" | "number" }
        ? number
        : S extends { readonly type: "boolean" }
          ? boolean
          : S extends { readonly type: "array"; readonly items: infer I }
            ? readonly FromSchema<I>[]
            : S extends { readonly type: "object"; readonly properties: infer P }
              ? FromProperties<P, RequiredOf<S>>
              : S extends { readonly type: "object"; readonly additionalProperties: infer A }
                ? Readonly<Record<string, FromSchema<A>>>
                : unknown;

type RequiredOf<S> = S extends { readonly required: readonly (infer R)[] } ? R : never;

type FromProperties<P, R> = Flat<
  { readonly [K in keyof P as K extends R ? K : never]: FromSchema<P[K]> } & {
    readonly [K in keyof P as K extends R ? never : K]?: FromSchema<P[K]>;
  }
>;

/** Makes an intersection read as one object in messages of the compiler. */
type Flat<T> = { [K in keyof T]: T[K] };

/** Go's notation of a duration ("1m30s", "500ms"), whole string. */
export const durationPattern = "^([0-9]+(\\.[0-9]+)?(ns|us|ms|s|m|h))+$";
