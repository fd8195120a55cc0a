/** What a device's reports mean, in words. */
import type { Device, TaskReport } from "../app/openapi";
import type { Level } from "../ui/parts";

const HOT = 80;

/** Whether it runs what it is wanted to, and why it does not. */
export function stepOf(report: TaskReport): { level: Level; text: string } {
  if (report.state === "refused")
    return { level: "error", text: `refused${report.failed_step ? ` at ${report.failed_step}` : ""}` };
  if (report.state === "rolling_back") return { level: "warning", text: "going back" };
  if (report.candidate_state === "refused") return { level: "error", text: `refused ${report.candidate_version}` };
  if (report.candidate_state === "prefetching")
    return { level: "accent", text: `fetching ${report.candidate_version}` };
  if (report.candidate_state === "prefetched" && report.candidate_version !== report.active_version)
    return { level: "accent", text: `has ${report.candidate_version} ready` };
  if (report.active_version && report.active_version === report.desired_version)
    return { level: "ok", text: "in step" };
  return { level: "warning", text: report.active_version ? "behind" : "loading" };
}

export function heat(device: Pick<Device, "cpu_temperature" | "throttled">): Level | undefined {
  if (device.throttled) return "error";
  return device.cpu_temperature !== null && device.cpu_temperature >= HOT ? "warning" : undefined;
}

/** Devices that a word is found in: of their name, board, environment, or the tasks and versions that they run. */
export function filtered(devices: readonly Device[], word: string): readonly Device[] {
  const words = word.toLowerCase().split(/\s+/).filter(Boolean);
  const textOf = (device: Device) =>
    [
      device.device_id,
      device.board,
      device.environment,
      device.online ? "online" : "offline",
      device.pins.length ? "pinned" : "",
      ...device.tasks.flatMap((report) => [report.task, report.active_version, report.state]),
    ]
      .join(" ")
      .toLowerCase();
  return devices.filter((device) => words.every((part) => textOf(device).includes(part)));
}
