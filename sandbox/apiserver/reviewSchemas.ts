/** Shapes of what is asked in reviews: they are never stored, but their answers say who owns which field. */
import { kind } from "./builtin/schemas/meta.ts";
import { int64Pointer, list, mapOf, struct, text, textPointer } from "./builtin/schemas/notation.ts";
import type { TypeSchema } from "./types.ts";

const resourceAttributes = struct("ResourceAttributes", {
  namespace: text,
  verb: text,
  group: text,
  version: text,
  resource: text,
  subresource: text,
  name: text,
});

const attributes = {
  resourceAttributes,
  nonResourceAttributes: struct("NonResourceAttributes", { path: text, verb: text }),
};

const subjectAccess = struct("SubjectAccessReviewSpec", {
  ...attributes,
  user: text,
  groups: list(text),
  extra: mapOf(list(text)),
  uid: text,
});

export const reviewSchemas: Readonly<Record<string, TypeSchema>> = {
  LocalSubjectAccessReview: kind("LocalSubjectAccessReview", { spec: subjectAccess }),
  SelfSubjectAccessReview: kind("SelfSubjectAccessReview", { spec: struct("SelfSubjectAccessReviewSpec", attributes) }),
  SubjectAccessReview: kind("SubjectAccessReview", { spec: subjectAccess }),
  TokenReview: kind("TokenReview", { spec: struct("TokenReviewSpec", { token: text, audiences: list(text) }) }),
  TokenRequest: kind("TokenRequest", {
    spec: struct("TokenRequestSpec", {
      audiences: list(text),
      expirationSeconds: int64Pointer,
      boundObjectRef: struct("BoundObjectReference", {
        kind: textPointer,
        apiVersion: textPointer,
        name: text,
        uid: text,
      }),
    }),
  }),
};
