// Written by `npm run types` from services/console/openapi.json.

export interface ArmComparison {
  measure: string;
  from_value: number;
  to_value: number;
  difference: number;
  low: number;
  high: number;
  from_samples: number;
  to_samples: number;
  better: string;
  more_seconds: number;
}

export interface Attention {
  level: "error" | "warning" | "info";
  text: string;
  task: string;
  device: string;
  link: string;
}

export interface Batch {
  batch_id: string;
  events: EventAsked[];
}

export interface ClassLine {
  label: string;
  precision: number | null;
  recall: number | null;
  f1: number | null;
  samples: number;
}

export interface ClassPair {
  label: string;
  a: number | null;
  b: number | null;
  difference: number | null;
}

export interface Comparison {
  a: string;
  b: string;
  metrics: MetricPair[];
  per_class: ClassPair[];
  confusion: ConfusionPair;
  latency: LatencyPair[];
  facts: Fact[];
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
  task: string;
  text: string;
  given_by: string;
  given_at: string | null;
  low: number;
  high: number;
  rate: number;
  random_rate: number;
  quota_bytes: number;
  keep_days: number;
}

export interface ConsentAsked {
  text: string;
  low?: number;
  high?: number;
  rate?: number;
  random_rate?: number;
  quota_bytes?: number;
  keep_days?: number;
}

export interface Deleted {
  deleted: number;
}

export interface Departure {
  device_id: string;
  task: string;
  day: string;
  examples: number;
  bytes: number;
  deleted: number;
}

export interface Device {
  device_id: string;
  environment: string;
  board: string;
  software: string;
  last_seen: string | null;
  online: boolean;
  tasks: TaskReport[];
  pins: PinnedTask[];
  has_token: boolean;
  cpu_temperature: number | null;
  throttled: boolean | null;
  memory_available: number | null;
  up_seconds: number;
}

export interface DeviceAnswer {
  device: Device;
  consents: Consent[];
  departures: Departure[];
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
  id: string;
  kind: "label" | "boxes" | "spans" | "skip" | "undo" | "rule";
  example?: string;
  label?: string;
  boxes?: LabelledBox_Input[];
  spans?: LabelledSpan_Input[];
  undoes?: string;
  at: string;
  seconds?: number;
  saw_suggestion?: boolean;
}

export interface Evidence {
  rule: string;
  value: number;
  limit: number;
  fires: boolean;
  then: string;
  sentence: string;
  devices: string[];
}

export interface Fact {
  field: string;
  a: string;
  b: string;
}

export interface FreezeAsked {
  name: string;
}

export interface Frozen {
  name: string;
  digest: string;
  labels: Record<string, number>;
  held_out: number;
  left_out: Record<string, number>;
  command: string;
}

export interface GateAnswer {
  name: string;
  passed: boolean;
  text: string;
}

export interface GateResult {
  name: string;
  metric: string;
  comparison: string;
  limit: number;
  value: number | null;
  passed: boolean;
}

export interface Happened {
  at: string;
  kind: "swap" | "refused" | "restart" | "move";
  task: string;
  text: string;
}

export interface Honest {
  examples: number;
  labelled: number;
  accuracy: Interval | null;
}

export interface Imported {
  examples: number;
  labelled: number;
  problems: string[];
}

export interface InStep {
  in_step: number;
  total: number;
  online: number;
}

export interface Interval {
  value: number;
  low: number;
  high: number;
  samples: number;
}

export interface Item {
  state: "none" | "label" | "skip" | "disagreement" | "ruled";
  label: string;
  boxes: LabelledBox_Output[];
  spans: LabelledSpan_Output[];
  id: string;
  media_type: string;
  bytes: number;
  taken_at: string | null;
  device_id: string;
  reason: string;
  group: string;
  position: number | null;
  name: string;
  honest: boolean;
  why: "margin" | "models" | "random" | "wrong" | "people" | "suggested" | "all";
  parts: ItemPart[];
  version: string;
  suggestion: Suggestion | null;
  said: Said[];
  similar: string[];
}

export interface ItemPart {
  box: number[];
  span: number[];
  label: string;
  unknown: boolean;
  scores: ItemScore[];
}

export interface ItemScore {
  label: string;
  score: number;
}

export interface LabelAsked {
  label: string;
}

export interface LabelCount {
  label: string;
  count: number;
  suggested: number;
}

export interface LabelTask {
  task: string;
  input_kind: string;
  examples: number;
  labelled: number;
  waiting: number;
  disagreements: number;
}

export interface LabelledBox_Input {
  label: string;
  left: number;
  top: number;
  width: number;
  height: number;
}

export interface LabelledBox_Output {
  label: string;
  left: number;
  top: number;
  width: number;
  height: number;
}

export interface LabelledSpan_Input {
  label: string;
  start: number;
  end: number;
}

export interface LabelledSpan_Output {
  label: string;
  start: number;
  end: number;
}

export interface LabelsAnswer {
  labels: string[];
}

export interface Lane {
  device_id: string;
  lane: string;
  version: string;
  reason: string;
  answered: number;
  failed: number;
}

export interface LatencyPair {
  board: string;
  a_ms: number | null;
  b_ms: number | null;
  a_samples: number;
  b_samples: number;
}

export interface MetricPair {
  name: string;
  a: number | null;
  b: number | null;
  difference: number | null;
  a_low: number | null;
  a_high: number | null;
  b_low: number | null;
  b_high: number | null;
}

export interface MetricValue {
  name: string;
  value: number;
  low: number | null;
  high: number | null;
  samples: number;
}

export interface Move {
  at: string;
  by: string;
  task: string;
  environment: string;
  from_version: string;
  to_version: string;
  action: string;
  reason: string;
}

export interface Outcome {
  state: "none" | "label" | "skip" | "disagreement" | "ruled";
  label: string;
  boxes: LabelledBox_Output[];
  spans: LabelledSpan_Output[];
}

export interface Overview {
  at: string;
  environment: string;
  environments: string[];
  tasks: Tile[];
  attention: Attention[];
  rollouts: Rollout[];
  moves: Move[];
  label_queues: WaitingQueue[];
  prometheus: string;
}

export interface Person {
  by: string;
  labels: number;
  median_seconds: number | null;
  agreement: number | null;
}

export interface PinAsked {
  version: string;
  reason?: string;
}

export interface PinnedTask {
  task: string;
  version: string;
  digest: string;
  by: string;
  reason: string;
  at: string;
}

export interface Plot {
  name: string;
  title: string;
  url: string;
}

export interface Pointer {
  name: string;
  version: string;
  revision: number;
}

export interface Progress {
  examples: number;
  labelled: number;
  skipped: number;
  waiting: number;
  disagreements: number;
  duplicates: number;
}

export interface Promote {
  version: string;
  environment?: string;
  profile?: "" | "fast" | "careful" | "ab" | "now";
  reason?: string;
  override_gates?: boolean;
  when_silent?: "" | "advance" | "pause" | "abort";
  supersede?: boolean;
  first?: string[];
}

export interface Promoted {
  rollout: Rollout | null;
  moved_at_once: string;
  gates: GateResult[];
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
  task: string;
  environment: string;
  version: string;
}

export interface Rollout {
  id: string;
  task: string;
  environment: string;
  from_version: string;
  to_version: string;
  state: RolloutState;
  stage: number;
  stages: Stage[];
  started_at: string;
  stage_since: string;
  by: string;
  reason: string;
  profile: string;
  rules: string;
  when_silent: string;
  shadow: boolean;
  order: string[];
  canaries: string[];
  verdict: Verdict | null;
  ended_at: string | null;
  revision: number;
}

export type RolloutState = "unspecified" | "prefetching" | "running" | "paused" | "succeeded" | "aborted" | "superseded";

export interface RolloutView {
  rollout: Rollout;
  evidence: Evidence[];
  lanes: Lane[];
  explanation: string;
  comparisons: ArmComparison[];
}

export interface Said {
  by: string;
  event: string;
  kind: string;
  label: string;
  boxes: LabelledBox_Output[];
  spans: LabelledSpan_Output[];
  at: string;
}

export interface SessionAnswer {
  name: string;
  roles: string[];
  anonymous: boolean;
  csrf: string;
  tasks: string[] | null;
}

export interface SetLine {
  name: string;
  digest: string;
  labels: string[];
  made_by: string;
  made_at: string | null;
}

export interface SignIn {
  token?: string;
  name?: string;
}

export interface SignatureAnswer {
  state: string;
  key: string;
  text: string;
}

export interface Stage {
  devices: number;
  share: number;
  bake_seconds: number;
  holds: boolean;
}

export type State = "unspecified" | "loading" | "serving" | "refused" | "prefetching" | "prefetched" | "rolling_back";

export interface Steer {
  reason?: string;
  advance?: boolean;
}

export interface Stored {
  known: boolean;
  items: Record<string, Outcome>;
}

export interface Suggestion {
  label: string;
  score: number;
  version: string;
}

export interface Summary {
  task: string;
  input_kind: string;
  labels: LabelCount[];
  progress: Progress;
  honest: Honest;
  people: Person[];
  advice: string[];
}

export interface TaskAnswer {
  task: string;
  input_kind: string;
  labels: string[];
  environments: Pointer[];
  versions: VersionLine[];
  metrics: string[];
  history: Move[];
}

export interface TaskLine {
  task: string;
  input_kind: string;
  versions: number;
  environments: Pointer[];
}

export interface TaskReport {
  task: string;
  desired_version: string;
  revision: number;
  active_version: string;
  active_digest: string;
  state: State;
  failed_step: string;
  reason: string;
  golden_deviation: number | null;
  active_seconds: number;
  candidate_version: string;
  candidate_state: State;
  candidate_failed_step: string;
  candidate_reason: string;
  standby: boolean;
}

export interface Tile {
  task: string;
  input_kind: string;
  version: string;
  state: "serving" | "moving" | "behind" | "refused" | "idle" | "empty";
  devices: InStep;
  unknown_rate: number | null;
  p95_ms: number | null;
  budget_ms: number | null;
  false_alarms_per_hour: number | null;
  requests_per_second: number | null;
  history: ([number, number | null, number | null, number | null])[] | null;
}

export interface Timeline {
  groups: TimelineGroup[];
  group: string;
  items: TimelineItem[];
}

export interface TimelineGroup {
  group: string;
  items: number;
  labelled: number;
  from: number;
  to: number;
}

export interface TimelineItem {
  id: string;
  position: number | null;
  taken_at: string | null;
  score: number | null;
  label: string;
  state: "none" | "label" | "skip" | "disagreement" | "ruled";
}

export interface Tried {
  box: number[];
  span: number[];
  label: string;
  unknown: boolean;
  uncertain: boolean;
  scores: TriedScore[];
}

export interface TriedModel {
  task: string;
  version: string;
  digest: string;
  variant: string;
}

export interface TriedScore {
  label: string;
  score: number;
  detected: boolean;
}

export interface TriedTimes {
  decode_ms: number;
  queue_ms: number;
  run_ms: number;
  interpret_ms: number;
}

export interface TryAnswer {
  predictions: Tried[];
  model: TriedModel;
  times: TriedTimes;
  level_db: number | null;
  width: number | null;
  height: number | null;
}

export interface VariantLine {
  name: string;
  runtime: string;
  bytes: number;
}

export interface Verdict {
  kind: string;
  rule: string;
  sentence: string;
  at: string;
  evidence: Evidence[];
}

export interface VersionAnswer {
  version: string;
  digest: string;
  created_at: string;
  metrics: MetricValue[];
  gates: GateAnswer[];
  synthetic: string[];
  signed_by: string[];
  environments: string[];
  bytes: number;
  task: string;
  input_kind: string;
  labels: string[];
  model_card: string;
  plots: Plot[];
  per_class: ClassLine[];
  confusion: Confusion | null;
  lineage: Record<string, string>;
  signature: SignatureAnswer;
  variants: VariantLine[];
  devices: VersionDevice[];
  thresholds: Record<string, number>;
}

export interface VersionDevice {
  device_id: string;
  board: string;
  state: string;
  golden_deviation: number | null;
}

export interface VersionLine {
  version: string;
  digest: string;
  created_at: string;
  metrics: MetricValue[];
  gates: GateAnswer[];
  synthetic: string[];
  signed_by: string[];
  environments: string[];
  bytes: number;
}

export interface WaitingQueue {
  task: string;
  waiting: number;
  disagreements: number;
}
