/** Why admission answered as it did. A label of metrics and a word in logs, so a name never changes its meaning. */
export const admissionReasons = [
  // untouched
  "NotUnderCanary",
  "NotWatched",
  "OwnController",
  "SystemUser",
  "BeingDeleted",
  "AdmissionOff",
  "Unreadable",
  "Unchanged",
  "Suspended",
  "Valid",
  "ScaleWarned",
  "KnownMistakes",
  // patched
  "RevisionStamped",
  "RevisionRestarted",
  "RevisionHeld",
  "ReplicasPinned",
  "AnalysisMoved",
  // refused
  "Invalid",
] as const;
export type AdmissionReason = (typeof admissionReasons)[number];

/** Reasons of the conditions Ready, Reconciling and Stalled. (Promoted has the phase as its reason.) */
export const conditionReasons = [
  "Initializing",
  "Serving",
  "Progressing",
  "ReleaseFailed",
  "Suspended",
  "WaitingForApproval",
  "WaitingForTarget",
  "WaitingForPrimary",
  "WaitingForCanary",
  "WaitingForMetrics",
  "WaitingForRoute",
  "InvalidSpec",
  "UnsupportedProvider",
  "ApiFailed",
  "Terminating",
] as const;
export type ConditionReason = (typeof conditionReasons)[number];

export type Reason = AdmissionReason | ConditionReason;

/** One mistake in an object: where it is, what kind it is, and what to do about it. */
export interface FieldIssue {
  /** As the API server writes paths: `spec.analysis.metrics[0].name`. */
  readonly field: string;
  readonly reason:
    | "FieldValueRequired"
    | "FieldValueInvalid"
    | "FieldValueNotSupported"
    | "FieldValueTypeInvalid"
    | "FieldValueTooMany"
    | "FieldValueTooLong"
    | "FieldValueDuplicate"
    | "FieldValueForbidden";
  /** In the API server's form: `Invalid value: 7: what to do`. */
  readonly message: string;
}
