import type { ComponentChildren } from "preact";
import { ErrorBox, Skeleton } from "../ui/parts";
import type { Loaded } from "./load";

/** A skeleton until the data is there, the error over it where the last call failed, and then what `children` make of it. */
export function Shown<T>({
  loaded,
  lines = 6,
  children,
}: {
  loaded: Loaded<T>;
  lines?: number;
  children: (data: T) => ComponentChildren;
}) {
  return (
    <>
      {loaded.error && <ErrorBox error={loaded.error} retry={loaded.reload} />}
      {loaded.data !== null ? children(loaded.data) : !loaded.error && <Skeleton lines={lines} />}
    </>
  );
}
