// Writes src/app/openapi.ts: a TypeScript interface for each schema of the console's OpenAPI description.
// `npm run types` writes it; `npm run types -- --check` fails where it is not up to date.
import { existsSync, readFileSync, writeFileSync } from "node:fs";

const SOURCE = new URL("../../openapi.json", import.meta.url);
const TARGET = new URL("../src/app/openapi.ts", import.meta.url);

const nameOf = (reference) => reference.split("/").at(-1).replaceAll(/\W/g, "_");

function typeOf(schema) {
  if (schema.$ref) return nameOf(schema.$ref);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  const some = schema.anyOf ?? schema.oneOf;
  if (some) return [...new Set(some.map(typeOf))].join(" | ");
  if (schema.allOf) return schema.allOf.map(typeOf).join(" & ");
  if (schema.type === "array") {
    if (schema.prefixItems) return `[${schema.prefixItems.map(typeOf).join(", ")}]`;
    const item = typeOf(schema.items ?? {});
    return /[|&]/.test(item) ? `(${item})[]` : `${item}[]`;
  }
  if (schema.properties) return `{ ${fields(schema).join(" ")} }`;
  if (schema.type === "object") {
    const values = schema.additionalProperties;
    return `Record<string, ${values && typeof values === "object" ? typeOf(values) : "unknown"}>`;
  }
  return (
    { string: "string", integer: "number", number: "number", boolean: "boolean", null: "null" }[schema.type] ??
    "unknown"
  );
}

// What an answer gives is always there, also where the schema names a default; what is asked may leave it out.
function fields(schema, asked = false) {
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const key = /^\w+$/.test(name) ? name : JSON.stringify(name);
    return `${key}${asked && !required.has(name) ? "?" : ""}: ${typeOf(property)};`;
  });
}

function write({ components }) {
  const parts = ["// Written by `npm run types` from services/console/openapi.json.\n"];
  for (const [name, schema] of Object.entries(components.schemas)) {
    const asked = schema.additionalProperties === false;
    parts.push(
      schema.properties
        ? `export interface ${nameOf(name)} {\n${fields(schema, asked)
            .map((line) => `  ${line}\n`)
            .join("")}}\n`
        : `export type ${nameOf(name)} = ${typeOf(schema)};\n`,
    );
  }
  return parts.join("\n");
}

const text = write(JSON.parse(readFileSync(SOURCE, "utf8")));
if (!process.argv.includes("--check")) writeFileSync(TARGET, text);
else if (!existsSync(TARGET) || readFileSync(TARGET, "utf8") !== text) {
  console.error("src/app/openapi.ts is not what openapi.json says; run `npm run types`");
  process.exit(1);
}
