import {
  type CanarySpec,
  copiedServiceSpec,
  isKnative,
  isPlainService,
  type OwnedKind,
  ownedKnativeService,
} from "../api/index.ts";
import { fieldAt } from "./fields.ts";

/** One kind of target, as admission sees it. */
export interface Form {
  readonly kind: "Deployment" | "DaemonSet" | "Service";
  /** Whether a Canary's reference by that kind means it: two kinds are called Service. */
  isMeant(ref: CanarySpec["targetRef"]): boolean;
  /** The part of it that is released. */
  released(object: unknown): unknown;
  /** What is the controller's on an object that stays its user's: kept as it is, once the controller has marked it. */
  readonly kept?: OwnedKind;
}

const template = (object: unknown): unknown => fieldAt(object, "spec", "template");

export const forms = {
  deployment: { kind: "Deployment", isMeant: () => true, released: template },
  daemonSet: { kind: "DaemonSet", isMeant: () => true, released: template },
  service: { kind: "Service", isMeant: isPlainService, released: copiedServiceSpec },
  knative: { kind: "Service", isMeant: isKnative, released: template, kept: ownedKnativeService },
} as const satisfies Readonly<Record<string, Form>>;
