// Written by `npm run types` from services/console/openapi.json.

export interface ArmComparison {
  better: string;
  difference: number;
  from_samples: number;
  from_value: number;
  high: number;
  low: number;
  measure: string;
  more_seconds: number;
  to_samples: number;
  to_value: number;
}

export interface Attention {
  device: string;
  level: "error" | "warning" | "info";
  link: string;
  task: string;
  text: string;
}

export interface Batch {
  batch_id: string;
  events: EventAsked[];
}

export interface ClassLine {
  f1: number | null;
  label: string;
  precision: number | null;
  recall: number | null;
  samples: number;
}

export interface ClassPair {
  a: number | null;
  b: number | null;
  difference: number | null;
  label: string;
}

export interface Comparison {
  a: string;
  b: string;
  confusion: ConfusionPair;
  facts: Fact[];
  latency: LatencyPair[];
  metrics: MetricPair[];
  per_class: ClassPair[];
}

export interface Confusion {
  labels: string[];
  matrix: number[][];
}

export interface ConfusionPair {
  a: Confusion | null;
  b: Confusion | null;
}

export interface Consent {
  device_id: string;
  given_at: string | null;
  given_by: string;
  high: number;
  keep_days: number;
  low: number;
  quota_bytes: number;
  random_rate: number;
  rate: number;
  task: string;
  text: string;
}

export interface ConsentAsked {
  high?: number;
  keep_days?: number;
  low?: number;
  quota_bytes?: number;
  random_rate?: number;
  rate?: number;
  text: string;
}

export interface Deleted {
  deleted: number;
}

export interface Departure {
  bytes: number;
  day: string;
  deleted: number;
  device_id: string;
  examples: number;
  task: string;
}

export interface Device {
  board: string;
  cpu_temperature: number | null;
  device_id: string;
  environment: string;
  has_token: boolean;
  last_seen: string | null;
  memory_available: number | null;
  online: boolean;
  pins: PinnedTask[];
  software: string;
  tasks: TaskReport[];
  throttled: boolean | null;
  up_seconds: number;
}

export interface DeviceAnswer {
  consents: Consent[];
  departures: Departure[];
  device: Device;
  timeline: Happened[];
}

export interface Done {
  done: boolean;
}

export interface ErrorBody {
  error: ErrorText;
}

export interface ErrorText {
  code: string;
  message: string;
}

export interface EventAsked {
  at: string;
  boxes?: LabelledBox[];
  example?: string;
  id: string;
  kind: "label" | "boxes" | "spans" | "skip" | "undo" | "rule";
  label?: string;
  saw_suggestion?: boolean;
  seconds?: number;
  spans?: LabelledSpan[];
  undoes?: string;
}

export interface Evidence {
  devices: string[];
  fires: boolean;
  limit: number;
  rule: string;
  sentence: string;
  then: string;
  value: number;
}

export interface Fact {
  a: string;
  b: string;
  entries: string;
  field: string;
}

export interface FreezeAsked {
  name: string;
}

export interface Frozen {
  command: string;
  digest: string;
  held_out: number;
  labels: Record<string, number>;
  left_out: Record<string, number>;
  name: string;
}

export interface GateAnswer {
  name: string;
  passed: boolean;
  text: string;
}

export interface GateResult {
  comparison: string;
  limit: number;
  metric: string;
  name: string;
  passed: boolean;
  value: number | null;
}

export interface Happened {
  at: string;
  kind: "swap" | "refused" | "restart" | "move";
  task: string;
  text: string;
}

export interface Honest {
  accuracy: Interval | null;
  examples: number;
  labelled: number;
  version: string;
}

export interface Imported {
  examples: number;
  labelled: number;
  problems: string[];
}

export interface InStep {
  in_step: number;
  online: number;
  total: number;
}

export interface Interval {
  high: number;
  low: number;
  samples: number;
  value: number;
}

export interface Item {
  boxes: LabelledBox[];
  bytes: number;
  device_id: string;
  group: string;
  honest: boolean;
  id: string;
  label: string;
  media_type: string;
  name: string;
  parts: ItemPart[];
  position: number | null;
  reason: string;
  said: Said[];
  similar: string[];
  spans: LabelledSpan[];
  state: "none" | "label" | "skip" | "disagreement" | "ruled";
  suggestion: Suggestion | null;
  taken_at: string | null;
  version: string;
  why: "margin" | "models" | "random" | "wrong" | "people" | "suggested" | "mine" | "all";
}

export interface ItemPart {
  box: number[];
  label: string;
  scores: ItemScore[];
  span: number[];
  unknown: boolean;
}

export interface ItemScore {
  label: string;
  score: number;
}

export interface LabelAsked {
  label: string;
}

export interface LabelCount {
  count: number;
  label: string;
  suggested: number;
}

export interface LabelTask {
  disagreements: number;
  examples: number;
  input_kind: string;
  labelled: number;
  task: string;
  waiting: number;
}

export interface LabelledBox {
  height: number;
  label: string;
  left: number;
  top: number;
  width: number;
}

export interface LabelledSpan {
  end: number;
  label: string;
  start: number;
}

export interface LabelsAnswer {
  labels: string[];
}

export interface Lane {
  answered: number;
  device_id: string;
  failed: number;
  lane: string;
  reason: string;
  version: string;
}

export interface LatencyPair {
  a_ms: number | null;
  a_samples: number;
  b_ms: number | null;
  b_samples: number;
  board: string;
}

export interface MetricPair {
  a: number | null;
  a_high: number | null;
  a_low: number | null;
  b: number | null;
  b_high: number | null;
  b_low: number | null;
  difference: number | null;
  name: string;
}

export interface MetricValue {
  high: number | null;
  low: number | null;
  name: string;
  samples: number;
  value: number;
}

export interface Move {
  action: string;
  at: string;
  by: string;
  environment: string;
  from_version: string;
  reason: string;
  task: string;
  to_version: string;
}

export interface Outcome {
  boxes: LabelledBox[];
  label: string;
  spans: LabelledSpan[];
  state: "none" | "label" | "skip" | "disagreement" | "ruled";
}

export interface Overview {
  at: string;
  attention: Attention[];
  environment: string;
  environments: string[];
  label_queues: WaitingQueue[];
  moves: Move[];
  prometheus: string;
  rollouts: Rollout[];
  tasks: Tile[];
}

export interface Person {
  agreement: number | null;
  by: string;
  labels: number;
  median_seconds: number | null;
}

export interface PinAsked {
  reason?: string;
  version: string;
}

export interface PinnedTask {
  at: string;
  by: string;
  digest: string;
  reason: string;
  task: string;
  version: string;
}

export interface Plot {
  name: string;
  title: string;
  url: string;
}

export interface Pointer {
  name: string;
  revision: number;
  version: string;
}

export interface Progress {
  disagreements: number;
  duplicates: number;
  examples: number;
  labelled: number;
  skipped: number;
  waiting: number;
}

export interface Promote {
  environment?: string;
  first?: string[];
  override_gates?: boolean;
  profile?: "" | "fast" | "careful" | "ab" | "now";
  reason?: string;
  supersede?: boolean;
  version: string;
  when_silent?: "" | "advance" | "pause" | "abort";
}

export interface Promoted {
  gates: GateResult[];
  moved_at_once: string;
  rollout: Rollout | null;
}

export interface Queue {
  items: Item[];
  waiting: number;
}

export interface RollBack {
  environment?: string;
  reason?: string;
}

export interface RolledBack {
  environment: string;
  task: string;
  version: string;
}

export interface Rollout {
  by: string;
  canaries: string[];
  ended_at: string | null;
  environment: string;
  from_version: string;
  id: string;
  order: string[];
  profile: string;
  reason: string;
  revision: number;
  rules: string;
  shadow: boolean;
  stage: number;
  stage_since: string;
  stages: Stage[];
  started_at: string;
  state: RolloutState;
  task: string;
  to_version: string;
  verdict: Verdict | null;
  when_silent: string;
}

export type RolloutState = "unspecified" | "prefetching" | "running" | "paused" | "succeeded" | "aborted" | "superseded";

export interface RolloutView {
  comparisons: ArmComparison[];
  evidence: Evidence[];
  explanation: string;
  lanes: Lane[];
  rollout: Rollout;
}

export interface Said {
  at: string;
  boxes: LabelledBox[];
  by: string;
  event: string;
  kind: string;
  label: string;
  spans: LabelledSpan[];
}

export interface SessionAnswer {
  anonymous: boolean;
  csrf: string;
  name: string;
  roles: string[];
  tasks: string[] | null;
}

export interface SetLine {
  digest: string;
  labels: string[];
  made_at: string | null;
  made_by: string;
  name: string;
}

export interface SignIn {
  name?: string;
  token?: string;
}

export interface SignatureAnswer {
  key: string;
  state: string;
  text: string;
}

export interface Stage {
  bake_seconds: number;
  devices: number;
  holds: boolean;
  share: number;
}

export type State = "unspecified" | "loading" | "serving" | "refused" | "prefetching" | "prefetched" | "rolling_back";

export interface Steer {
  advance?: boolean;
  reason?: string;
}

export interface Stored {
  items: Record<string, Outcome>;
  known: boolean;
}

export interface Suggestion {
  label: string;
  score: number;
  version: string;
}

export interface Summary {
  advice: string[];
  honest: Honest;
  input_kind: string;
  labels: LabelCount[];
  people: Person[];
  progress: Progress;
  task: string;
}

export interface TaskAnswer {
  environments: Pointer[];
  history: Move[];
  input_kind: string;
  labels: string[];
  metrics: string[];
  task: string;
  versions: VersionLine[];
}

export interface TaskLine {
  environments: Pointer[];
  input_kind: string;
  task: string;
  versions: number;
}

export interface TaskReport {
  active_digest: string;
  active_seconds: number;
  active_version: string;
  candidate_failed_step: string;
  candidate_reason: string;
  candidate_state: State;
  candidate_version: string;
  desired_version: string;
  failed_step: string;
  golden_deviation: number | null;
  reason: string;
  revision: number;
  standby: boolean;
  state: State;
  task: string;
}

export interface Tile {
  budget_ms: number | null;
  devices: InStep;
  false_alarms_per_hour: number | null;
  history: ([number, number | null, number | null, number | null])[] | null;
  input_kind: string;
  p95_ms: number | null;
  requests_per_second: number | null;
  state: "serving" | "moving" | "behind" | "refused" | "idle" | "empty";
  task: string;
  unknown_rate: number | null;
  version: string;
}

export interface Timeline {
  group: string;
  groups: TimelineGroup[];
  items: TimelineItem[];
}

export interface TimelineGroup {
  first_taken_at: string | null;
  from: number | null;
  group: string;
  items: number;
  labelled: number;
  last_taken_at: string | null;
  to: number | null;
}

export interface TimelineItem {
  id: string;
  label: string;
  position: number | null;
  score: number | null;
  state: "none" | "label" | "skip" | "disagreement" | "ruled";
  suggested: string;
  taken_at: string | null;
}

export interface Tried {
  box: number[];
  label: string;
  scores: TriedScore[];
  span: number[];
  uncertain: boolean;
  unknown: boolean;
}

export interface TriedModel {
  digest: string;
  task: string;
  variant: string;
  version: string;
}

export interface TriedScore {
  detected: boolean;
  label: string;
  score: number;
}

export interface TriedTimes {
  decode_ms: number;
  interpret_ms: number;
  queue_ms: number;
  run_ms: number;
}

export interface TryAnswer {
  height: number | null;
  level_db: number | null;
  model: TriedModel;
  predictions: Tried[];
  times: TriedTimes;
  width: number | null;
}

export interface VariantLine {
  bytes: number;
  name: string;
  runtime: string;
}

export interface Verdict {
  at: string;
  evidence: Evidence[];
  kind: string;
  rule: string;
  sentence: string;
}

export interface VersionAnswer {
  bytes: number;
  confusion: Confusion | null;
  created_at: string;
  devices: VersionDevice[];
  digest: string;
  environments: string[];
  gates: GateAnswer[];
  input_kind: string;
  labels: string[];
  lineage: Record<string, string>;
  metrics: MetricValue[];
  model_card: string;
  per_class: ClassLine[];
  plots: Plot[];
  signature: SignatureAnswer;
  signed_by: string[];
  synthetic: string[];
  task: string;
  thresholds: Record<string, number>;
  variants: VariantLine[];
  version: string;
}

export interface VersionDevice {
  board: string;
  device_id: string;
  golden_deviation: number | null;
  state: string;
}

export interface VersionLine {
  bytes: number;
  created_at: string;
  digest: string;
  environments: string[];
  gates: GateAnswer[];
  metrics: MetricValue[];
  signed_by: string[];
  synthetic: string[];
  version: string;
}

export interface WaitingQueue {
  disagreements: number;
  task: string;
  waiting: number;
}
