import { useEffect, useRef, useState } from "preact/hooks";
import { session, signIn, signInReason } from "../session.ts";

/** Asks for a token when the service refuses to go on without one, or when somebody wants to change it. */
export function SignIn() {
  const dialog = useRef<HTMLDialogElement>(null);
  const [keep, setKeep] = useState(false);
  const [token, setToken] = useState("");
  const reason = signInReason.value;
  useEffect(() => {
    if (reason === undefined) dialog.current?.close();
    else if (dialog.current?.open === false) dialog.current.showModal();
  }, [reason]);
  const use = (next: string | undefined) => {
    setToken("");
    void signIn(next, keep);
  };
  return (
    <dialog
      ref={dialog}
      aria-labelledby="sign-in-title"
      onClose={() => {
        signInReason.value = undefined;
      }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          use(token.trim());
        }}
      >
        <h2 id="sign-in-title">Sign in</h2>
        <p>{reason}</p>
        <label>
          Token
          <input
            type="password"
            autocomplete="off"
            required
            value={token}
            onInput={({ currentTarget }) => setToken(currentTarget.value)}
          />
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={keep}
            onChange={({ currentTarget }) => setKeep(currentTarget.checked)}
          />
          Keep it until this tab is closed
        </label>
        <div class="actions">
          {session.value.token !== undefined && (
            <button type="button" onClick={() => use(undefined)}>
              Use no token
            </button>
          )}
          <button type="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
          <button type="submit" class="primary">
            Sign in
          </button>
        </div>
      </form>
    </dialog>
  );
}
