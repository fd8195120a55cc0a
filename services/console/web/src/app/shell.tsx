import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { Icon, type IconName } from "../ui/icons";
import { session, signOut } from "./api";
import { shown, useKeys } from "./keys";
import { navigate, place } from "./router";
import { type Theme, theme } from "./theme";

const PLACES: readonly { path: string; title: string; icon: IconName; key: string }[] = [
  { path: "/", title: "Now", icon: "now", key: "n" },
  { path: "/tasks", title: "Tasks", icon: "tasks", key: "t" },
  { path: "/rollouts", title: "Rollouts", icon: "rollouts", key: "r" },
  { path: "/devices", title: "Devices", icon: "devices", key: "d" },
  { path: "/label", title: "Label", icon: "label", key: "l" },
];
const NEXT: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };
const THEME_ICON: Record<Theme, IconName> = { system: "system", light: "sun", dark: "moon" };

/** The frame around every screen: where one can go, and who is signed in. */
export function Shell({ children }: { children: ComponentChildren }) {
  const helping = useSignal(false);
  const here = place.value.path;
  const content = useRef<HTMLElement>(null);
  const before = useRef(here);
  useEffect(() => {
    // Whoever follows a link by keyboard or by ear goes on in what it led to.
    if (before.current !== here) content.current?.focus({ preventScroll: true });
    before.current = here;
  }, [here]);
  const isHere = (path: string) => (path === "/" ? here === "/" : here === path || here.startsWith(`${path}/`));
  const going = PLACES.map(({ path, title, key }) => ({ key: `g ${key}`, what: title, run: () => navigate(path) }));
  // Below /label single letters are labels.
  useKeys("Go to", going, !here.startsWith("/label/"));
  useKeys("Everywhere", [
    {
      key: "?",
      what: "Show the keys",
      run: () => {
        helping.value = true;
      },
    },
  ]);
  const tools = (
    <div class="row">
      <Button
        icon
        kind="plain"
        label={`Colours: ${theme.value}. Change to ${NEXT[theme.value]}`}
        onClick={() => {
          theme.value = NEXT[theme.value];
        }}
      >
        <Icon name={THEME_ICON[theme.value]} />
      </Button>
      <Button icon kind="plain" label="Show the keys" onClick={() => (helping.value = true)}>
        ?
      </Button>
      <Button icon kind="plain" label="Sign out" onClick={signOut}>
        <Icon name="out" />
      </Button>
    </div>
  );
  return (
    <div class="shell">
      <a class="skip button" href="#main">
        Go to the content
      </a>
      <nav class="side" aria-label="Pipit">
        <a class="brand" href="/">
          <img src="/pipit.svg" alt="" width="24" height="24" />
          Pipit
        </a>
        <ul>
          {PLACES.map(({ path, title, icon }) => (
            <li key={path}>
              <a href={path} aria-current={isHere(path) ? "page" : undefined}>
                <Icon name={icon} />
                {title}
              </a>
            </li>
          ))}
        </ul>
        <div class="who">
          <div class="small">
            <div>{session.value?.name}</div>
            <div class="muted">{session.value?.anonymous ? "no token needed" : session.value?.roles.join(", ")}</div>
          </div>
          {tools}
        </div>
      </nav>
      <main ref={content} id="main" tabIndex={-1}>
        {children}
        <div class="narrow-only row spread" style={{ marginTop: "24px" }}>
          <span class="muted small">{session.value?.name}</span>
          {tools}
        </div>
      </main>
      <Dialog title="Keys" open={helping.value} onClose={() => (helping.value = false)}>
        {shown.value.map((group) => (
          <section key={group.title} class="stack">
            <h3>{group.title}</h3>
            <dl class="keys">
              {group.keys.flatMap(({ key, what }) => [
                <dt key={key}>
                  {key.split(" ").map((part) => (
                    <kbd key={part}>{part}</kbd>
                  ))}
                </dt>,
                <dd key={`${key} what`}>{what}</dd>,
              ])}
            </dl>
          </section>
        ))}
      </Dialog>
    </div>
  );
}
