import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { ApiError, api } from "../app/api";
import { classify } from "../app/commands";
import type { Tile, TryAnswer } from "../app/openapi";
import { path, place, setQuery } from "../app/router";
import { Button, Command } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { Icon } from "../ui/icons";
import { Spinner } from "../ui/parts";
import { Answer } from "./answer";
import { camera, microphone, type Source } from "./sources";

/** Asks a task's server what is in a file, or, once a second, what the microphone or the camera takes. */
export function Try({ tasks }: { tasks: readonly Tile[] }) {
  const task = place.value.query.get("try");
  const tile = tasks.find((one) => one.task === task);
  return (
    <Dialog title={`Try ${task ?? ""}`} open={Boolean(tile)} onClose={() => setQuery({ try: null })}>
      {tile && <Trial key={tile.task} tile={tile} />}
    </Dialog>
  );
}

const SILENCE = -90;

function Trial({ tile }: { tile: Tile }) {
  const answer = useSignal<TryAnswer | null>(null);
  const error = useSignal("");
  const asking = useSignal(false);
  const name = useSignal("");
  const live = useSignal<"" | "microphone" | "camera">("");
  const decibels = useSignal(SILENCE);
  const source = useRef<Source | null>(null);
  const video = useRef<HTMLVideoElement>(null);
  const sounds = tile.input_kind === "audio";
  const pictures = tile.input_kind === "image";

  const ask = async (file: Blob) => {
    if (asking.value) return;
    asking.value = true;
    try {
      answer.value = await api.post<TryAnswer>(path("try", tile.task), file);
      error.value = "";
    } catch (thrown) {
      error.value = thrown instanceof ApiError ? thrown.message : String(thrown);
    } finally {
      asking.value = false;
    }
  };
  const stop = () => {
    source.current?.stop();
    source.current = null;
    live.value = "";
    decibels.value = SILENCE;
  };
  const start = async (what: "microphone" | "camera") => {
    stop();
    answer.value = null;
    name.value = "";
    live.value = what;
    try {
      const opened =
        what === "microphone"
          ? await microphone((now) => (decibels.value = now))
          : video.current && (await camera(video.current));
      if (live.value === what) source.current = opened;
      else opened?.stop();
    } catch (thrown) {
      live.value = "";
      error.value = thrown instanceof Error ? thrown.message : String(thrown);
    }
  };
  useEffect(() => {
    // What the server can't keep up with is left out: the next moment is taken once the last is answered.
    const timer = setInterval(async () => {
      const moment = asking.value ? null : await source.current?.take();
      if (moment) await ask(moment);
    }, 1000);
    return () => {
      clearInterval(timer);
      source.current?.stop();
    };
  }, []);
  const choose = (files: FileList | null | undefined) => {
    const file = files?.[0];
    if (!file) return;
    stop();
    answer.value = null;
    name.value = file.name;
    void ask(file);
  };

  return (
    <>
      <label
        class="drop"
        onDragOver={(event) => event.preventDefault()}
        onDrop={(event) => {
          event.preventDefault();
          choose(event.dataTransfer?.files);
        }}
      >
        <input type="file" class="only-read" onChange={(event) => choose(event.currentTarget.files)} />
        <span>{name.value || "Drop a file here, or choose one"}</span>
      </label>
      <div class="row">
        {sounds && (
          <Button pressed={live.value === "microphone"} onClick={() => (live.value ? stop() : start("microphone"))}>
            <Icon name="microphone" />
            {live.value ? "Stop listening" : "Listen to the microphone"}
          </Button>
        )}
        {pictures && (
          <Button pressed={live.value === "camera"} onClick={() => (live.value ? stop() : start("camera"))}>
            <Icon name="camera" />
            {live.value ? "Stop looking" : "Look through the camera"}
          </Button>
        )}
        {asking.value && !live.value && <Spinner label="The server answers" />}
      </div>
      {live.value === "microphone" && (
        <div class="row">
          <meter
            class="meter"
            min={SILENCE}
            max={0}
            high={-3}
            value={decibels.value}
            aria-label="Level of the microphone"
          />
          <span class="small muted number">{Math.round(decibels.value)} dB</span>
        </div>
      )}
      {pictures && (
        <div class="seen" hidden={live.value !== "camera"}>
          <video ref={video} muted playsInline />
          {answer.value && <Boxes answer={answer.value} />}
        </div>
      )}
      {error.value && (
        <p class="error-box" role="alert">
          {error.value}
        </p>
      )}
      {answer.value && <Answer answer={answer.value} />}
      <Command
        text={classify(tile.task, name.value || (pictures ? "picture.jpg" : sounds ? "recording.wav" : "FILE"))}
      />
    </>
  );
}

function Boxes({ answer }: { answer: TryAnswer }) {
  if (!answer.width || !answer.height) return null;
  return (
    <svg viewBox={`0 0 ${answer.width} ${answer.height}`} aria-hidden="true">
      {answer.predictions.map(({ box: [left, top, width, height] }, index) =>
        left === undefined ? null : <rect key={index} x={left} y={top} width={width} height={height} />,
      )}
    </svg>
  );
}
