import { defineConfig } from "vitest/config";

// What is built is committed, so that no user needs node: names come from content alone, and nothing tells of the time
// or the machine. `PIPIT_CONSOLE` is where `npm run dev` sends what it can't answer itself.
export default defineConfig({
  base: "/",
  build: {
    target: "es2022",
    cssTarget: ["chrome123", "firefox121", "safari17.5"],
    outDir: "../pipit_console/page",
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rolldownOptions: {
      output: {
        entryFileNames: "assets/[name]-[hash].js",
        chunkFileNames: "assets/[name]-[hash].js",
        assetFileNames: "assets/[name]-[hash][extname]",
      },
    },
  },
  server: { proxy: { "/api": process.env.PIPIT_CONSOLE ?? "http://127.0.0.1:8080" } },
  test: { environment: "happy-dom", include: ["tests/**/*.test.{ts,tsx}"], restoreMocks: true },
});
