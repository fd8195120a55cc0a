import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { Icon } from "./icons";

/** The browser's own dialog: it holds the focus, and Escape closes it. */
export function Dialog(props: { title: string; open: boolean; onClose: () => void; children: ComponentChildren }) {
  const element = useRef<HTMLDialogElement>(null);
  const title = useId();
  useEffect(() => {
    if (props.open && element.current && !element.current.open) {
      element.current.showModal();
      // What is to be filled in comes first, and the close button only where there is nothing else.
      element.current.querySelector<HTMLElement>(".content :is(input, select, textarea, button)")?.focus();
    }
    if (!props.open) element.current?.close();
  }, [props.open]);
  return (
    <dialog ref={element} aria-labelledby={title} onClose={props.onClose}>
      {props.open && (
        <>
          <header>
            <h2 id={title}>{props.title}</h2>
            <button type="button" class="button plain icon" aria-label="Close" onClick={props.onClose}>
              <Icon name="close" />
            </button>
          </header>
          <div class="content">{props.children}</div>
        </>
      )}
    </dialog>
  );
}
