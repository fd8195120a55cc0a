// Fails where a built page, gzipped file by file as a server sends it, is larger than so many kB: size.mjs FOLDER KB.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const [folder, limit] = process.argv.slice(2);
const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
const total =
  files.reduce((sum, file) => sum + gzipSync(readFileSync(join(file.parentPath, file.name))).length, 0) / 1000;
console.log(`the page is ${total.toFixed(1)} kB gzipped, in ${files.length} files; ${limit} kB are allowed`);
if (total > Number(limit)) process.exit(1);
