import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Now } from "../now/index";
import { Empty, ErrorBox, Page, Spinner } from "../ui/parts";
import { Toasts } from "../ui/toast";
import { ApiError, loadSession, session } from "./api";
import { Lazy } from "./lazy";
import { match, place } from "./router";
import { Shell } from "./shell";
import { SignIn } from "./sign_in";

function Screen() {
  const path = place.value.path;
  if (match("/label/*", path)) return <Lazy name="label" load={() => import("../label/index")} />;
  if (path === "/") return <Now />;
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
