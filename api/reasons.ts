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
  "DeletionWarned",
  "ScalerWarned",
  "KnownMistakes",
  "Bypassed",
  // patched
  "RevisionStamped",
  "RevisionRestarted",
  "RevisionHeld",
  "ReplicasPinned",
  "AnalysisMoved",
  "ServiceRestored",
  "RouteRestored",
  // refused
  "Invalid",
  "OwnedFieldsRefused",
  "DeletionRefused",
] as const;
export type AdmissionReason = (typeof admissionReasons)[number];

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
