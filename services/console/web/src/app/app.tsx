import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { Device } from "../devices/index";
import { Devices } from "../devices/list";
import { Now } from "../now/index";
import { Rollout } from "../rollout/index";
import { Rollouts } from "../rollout/list";
import { Task } from "../task/index";
import { Tasks } from "../task/list";
import { Empty, ErrorBox, Page, Spinner } from "../ui/parts";
import { Toasts } from "../ui/toast";
import { Version } from "../version/index";
import { ApiError, loadSession, session } from "./api";
import { Lazy } from "./lazy";
import { match, place } from "./router";
import { Shell } from "./shell";
import { SignIn } from "./sign_in";

type Found = Record<string, string>;

/** What is shown where. The first pattern that fits decides. */
const SCREENS: readonly [pattern: string, screen: (found: Found) => JSX.Element][] = [
  ["/", () => <Now />],
  ["/tasks", () => <Tasks />],
  ["/tasks/:task", ({ task = "" }) => <Task key={task} task={task} />],
  [
    "/tasks/:task/versions/:version",
    ({ task = "", version = "" }) => <Version key={`${task} ${version}`} task={task} version={version} />,
  ],
  ["/rollouts", () => <Rollouts />],
  [
    "/rollouts/:task/:environment",
    ({ task = "", environment = "" }) => (
      <Rollout key={`${task} ${environment}`} task={task} environment={environment} />
    ),
  ],
  ["/devices", () => <Devices />],
  ["/devices/:id", ({ id = "" }) => <Device key={id} id={id} />],
  ["/label/*", () => <Lazy name="label" load={() => import("../label/index")} />],
];

function Screen() {
  const path = place.value.path;
  for (const [pattern, screen] of SCREENS) {
    const found = match(pattern, path);
    if (found) return screen(found);
  }
  return (
    <Page title="Nothing is here">
      <Empty title="No screen has this address.">
        <a href="/">Go to what happens now</a>
      </Empty>
    </Page>
  );
}

export function App() {
  const error = useSignal<ApiError | null>(null);
  const load = async () => {
    error.value = null;
    try {
      await loadSession();
    } catch (thrown) {
      error.value = thrown instanceof ApiError ? thrown : new ApiError(0, "page", String(thrown));
    }
  };
  useEffect(() => void load(), []);
  if (error.value)
    return (
      <main class="sign-in">
        <ErrorBox error={error.value} retry={load} />
      </main>
    );
  if (session.value === undefined)
    return (
      <main class="sign-in">
        <Spinner />
      </main>
    );
  return (
    <>
      {session.value ? (
        <Shell>
          <Screen />
        </Shell>
      ) : (
        <SignIn />
      )}
      <Toasts />
    </>
  );
}
