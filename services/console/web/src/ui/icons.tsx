const PATHS = {
  now: "M3 12h4l3-8 4 16 3-8h4",
  tasks: "M4 5h16M4 12h16M4 19h10",
  rollouts: "M4 18V9m5 9V5m5 13v-7m5 7V8",
  devices: "M5 5h14v14H5zM9 9h6v6H9zM9 2v3m6-3v3M9 19v3m6-3v3M2 9h3m-3 6h3m14-6h3m-3 6h3",
  label: "M3 12V4h8l10 10-8 7zM7.5 8h.01",
  close: "M6 6l12 12M18 6L6 18",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  check: "M5 12l5 5 9-10",
  pause: "M9 5v14M15 5v14",
  play: "M7 5l12 7-12 7z",
  warning: "M12 3l10 18H2zM12 10v5m0 3h.01",
  error: "M12 8v5m0 3h.01M12 3a9 9 0 100 18 9 9 0 000-18z",
  info: "M12 11v6m0-9h.01M12 3a9 9 0 100 18 9 9 0 000-18z",
  microphone: "M12 3a3 3 0 013 3v6a3 3 0 01-6 0V6a3 3 0 013-3zM6 11a6 6 0 0012 0M12 17v4",
  camera: "M4 7h4l2-2h4l2 2h4v12H4zM12 10a3 3 0 100 6 3 3 0 000-6z",
  sun: "M12 8a4 4 0 100 8 4 4 0 000-8zM12 2v2m0 16v2M2 12h2m16 0h2M5 5l1.5 1.5m11 11L19 19M5 19l1.5-1.5m11-11L19 5",
  moon: "M20 14A8 8 0 0110 4a8 8 0 1010 10z",
  system: "M3 5h18v11H3zM9 20h6m-3-4v4",
  out: "M10 4H5v16h5m4-12l4 4-4 4m4-4H9",
  pin: "M9 3h6l-1 6 3 4H7l3-4zM12 13v8",
} as const;

export type IconName = keyof typeof PATHS;

/** A line drawing in the colour of the text; what it means is said beside it. */
export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="1.8"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
