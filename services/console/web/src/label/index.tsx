import "./label.css";
import { session } from "../app/api";
import { match, place } from "../app/router";
import { Empty, Page } from "../ui/parts";
import { Boxes } from "./boxes";
import { Focus } from "./focus";
import { Grid } from "./grid";
import { Sound } from "./sound";
import { TaskSummary, Tasks } from "./summary";
import { Timeline } from "./timeline";

const SCREENS = { focus: Focus, grid: Grid, sound: Sound, timeline: Timeline, boxes: Boxes };

/** Everything below /label. */
export default function Label() {
  const { path } = place.value;
  const at = match("/label/:task/:screen", path);
  const name = session.value?.name ?? "";
  const Screen = SCREENS[at?.screen as keyof typeof SCREENS];
  if (at?.task && Screen) return <Screen key={`${at.task} ${at.screen}`} task={at.task} />;
  const task = match("/label/:task", path)?.task;
  if (task) return <TaskSummary key={task} task={task} name={name} />;
  if (match("/label", path)) return <Tasks />;
  return (
    <Page title="Nothing is here">
      <Empty title="No screen has this address.">
        <a href="/label">Go to the tasks</a>
      </Empty>
    </Page>
  );
}
