import { useSignal } from "@preact/signals";
import { Button } from "../ui/button";
import { Field } from "../ui/parts";
import { ApiError, signIn } from "./api";

/** By a token of the registry; where it has none, by a name alone, which history and labels keep. */
export function SignIn() {
  const token = useSignal("");
  const name = useSignal("");
  const error = useSignal("");
  document.title = "Sign in · Pipit";
  const submit = async (event: Event) => {
    event.preventDefault();
    error.value = "";
    try {
      await signIn(token.value.trim() ? { token: token.value.trim() } : { name: name.value.trim() });
    } catch (thrown) {
      error.value = thrown instanceof ApiError ? thrown.message : String(thrown);
    }
  };
  return (
    <main class="sign-in">
      <form class="panel" onSubmit={submit}>
        <div class="body stack">
          <div class="row">
            <img src="/pipit.svg" alt="" width="32" height="32" />
            <h1>Sign in to Pipit</h1>
          </div>
          <Field label="Name" hint="Where the registry asks for no token. Labels and history keep it.">
            <input
              class="input"
              autocomplete="username"
              name="name"
              value={name.value}
              onInput={(event) => (name.value = event.currentTarget.value)}
            />
          </Field>
          <Field label="Token" hint="Of the registry, by which it knows you and what you may do.">
            <input
              class="input"
              type="password"
              autocomplete="current-password"
              name="token"
              value={token.value}
              onInput={(event) => (token.value = event.currentTarget.value)}
            />
          </Field>
          {error.value && (
            <p class="error-box" role="alert">
              {error.value}
            </p>
          )}
          <Button type="submit" kind="primary" disabled={!token.value.trim() && !name.value.trim()}>
            Sign in
          </Button>
        </div>
      </form>
    </main>
  );
}
