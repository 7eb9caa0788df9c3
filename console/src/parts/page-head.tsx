import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { route } from "../route.ts";

/** The heading of a page. It takes the focus when the page is opened, so that the keyboard and screen readers begin there. */
export function PageHead(props: { readonly title: string; readonly children?: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null);
  const { page } = route.value;
  useEffect(() => heading.current?.focus(), [page]);
  useEffect(() => {
    document.title = `${props.title} · Duet KV`;
  }, [props.title]);
  return (
    <header class="page-head">
      <h1 ref={heading} tabIndex={-1}>
        {props.title}
      </h1>
      <div class="actions">{props.children}</div>
    </header>
  );
}
