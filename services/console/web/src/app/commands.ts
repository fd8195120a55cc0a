/** The commands that do the same as the page's buttons. services/console/tests holds each to the real command line. */
import type { ConsentAsked, Promote } from "./openapi";

const PRODUCTION = "production";

/** As a POSIX shell takes it for one word. */
export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function line(...words: (string | false | null | undefined)[]): string {
  return ["pipit", ...words.filter((word): word is string => Boolean(word)).map(quote)].join(" ");
}

const because = (reason: string | undefined) => (reason?.trim() ? ["--reason", reason.trim()] : []);
const where = (environment: string | undefined) =>
  environment !== undefined && environment !== PRODUCTION && environment;

export function promote(task: string, asked: Promote): string {
  return line(
    "promote",
    task,
    asked.version,
    where(asked.environment),
    ...(asked.profile ? ["--profile", asked.profile] : []),
    ...(asked.first ?? []).flatMap((device) => ["--first", device]),
    ...(asked.when_silent ? ["--when-silent", asked.when_silent] : []),
    asked.supersede && "--supersede",
    asked.override_gates && "--override-gates",
    ...because(asked.reason),
  );
}

export function rollback(task: string, environment: string, reason = ""): string {
  return line("rollback", task, where(environment), ...because(reason));
}

export function steer(
  step: "pause" | "resume" | "abort",
  task: string,
  environment: string,
  reason = "",
  advance = false,
): string {
  return line("rollout", step, task, where(environment), advance && "--advance", ...because(reason));
}

export function watch(task: string, environment: string): string {
  return line("rollout", "watch", task, where(environment));
}

export function explain(task: string, environment: string): string {
  return line("rollout", "explain", task, where(environment));
}

export function pin(device: string, task: string, version: string, reason = ""): string {
  return line("pin", device, task, version, ...because(reason));
}

export function unpin(device: string, task: string): string {
  return line("unpin", device, task);
}

export function models(task?: string): string {
  return line("models", task);
}

export function history(task: string, environment?: string): string {
  return line("history", task, where(environment));
}

export function devices(): string {
  return line("devices");
}

export function device(id: string): string {
  return line("devices", "show", id);
}

/** file: the name of what was dropped, where there is one. */
export function classify(task: string, file: string): string {
  return line("classify", "--task", task, file);
}

export function consent(device: string, task: string, asked: ConsentAsked): string {
  const numbers: (string | number | undefined)[] = [];
  if (asked.low !== undefined && asked.high !== undefined) numbers.push("--band", asked.low, asked.high);
  if (asked.rate !== undefined) numbers.push("--rate", asked.rate);
  if (asked.random_rate !== undefined) numbers.push("--random-rate", asked.random_rate);
  if (asked.quota_bytes !== undefined) numbers.push("--quota-mb", asked.quota_bytes / 1e6);
  if (asked.keep_days !== undefined) numbers.push("--keep-days", asked.keep_days);
  return line("examples", "consent", device, task, "--text", asked.text.trim() || "…", ...numbers.map(String));
}

export function withdraw(device: string, task: string): string {
  return line("examples", "withdraw", device, task);
}

/** day: as 20261129. */
export function deleteExamples(task: string, device: string, day: string): string {
  return line("examples", "delete", task, "--device", device, "--day", day);
}
