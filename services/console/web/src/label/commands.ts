/** The commands that do the same as the label page's buttons. */
import { quote } from "../app/commands";

function line(...words: string[]): string {
  return ["pipit", "label", ...words.map(quote)].join(" ");
}

export const addCommand = (task: string, example: string, label: string): string => line("add", task, example, label);
/** A label comes with the first example that has it. */
export const newLabelCommand = (task: string, label: string): string => line("add", task, "EXAMPLE", label, "--new");
export const statsCommand = (task: string): string => line("stats", task);
export const freezeCommand = (task: string, name: string): string => line("freeze", task, name);
export const exportCommand = (task: string, format: string): string =>
  line("export", task, "--format", format, "--out", `${task}-${format}.zip`);
export const importCommand = (task: string, format: string, file: string): string =>
  line("import", task, file, "--format", format);
