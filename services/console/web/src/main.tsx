import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/ui.css";
import "./styles/shell.css";
import "./styles/screens.css";
import { render } from "preact";
import { App } from "./app/app";
import { listen } from "./app/router";

listen();
const root = document.getElementById("page");
if (root) render(<App />, root);
