// Reports: the audit pages of the folder that the server was given.

import { address, call } from "./api.js";
import { el, loading, notice, replace } from "./dom.js";
import { icon } from "./icons.js";
import { go, state } from "./state.js";
import { bytes, text, time } from "./strings.js";

export class ReportsView {
  constructor(info) {
    this.info = info;
    this.list = el("div");
    this.shown = el("div.report-frame");
    this.element = el("div.page", {}, el("h1", {}, text.reports.title), el("p.lead", {}, text.reports.lead), this.list, this.shown);
  }

  async update() {
    const { report } = state();
    const answer = await loading(this.list, text.loading, call("/v1/reports"), text.reports.failed);
    if (!answer) return;
    if (!answer.reports.length) {
      replace(this.shown);
      replace(this.list, notice(text.reports.none, this.info.features.reports ? text.reports.empty : text.reports.noFolder));
      return;
    }
    const items = answer.reports.map((each) => this.item(each, each.name === report));
    replace(this.list, el("ul.reports", {}, items));
    const chosen = answer.reports.find((each) => each.name === report);
    if (!chosen) return replace(this.shown);
    const source = address(`/v1/reports/${report.split("/").map(encodeURIComponent).join("/")}`);
    // The report has scripts of its own; the sandbox keeps them from this page and from its session.
    const frame = el("iframe", { src: source, title: chosen.title || chosen.name, sandbox: "allow-scripts" });
    const open = el("a", { href: source, target: "_blank", rel: "noopener" }, text.reports.open);
    replace(this.shown, el("div.row.between", {}, el("h2", {}, chosen.title || chosen.name), open), frame);
  }

  item(report, chosen) {
    const open = () => go({ report: report.name });
    const facts = [time(report.changed), report.bytes && bytes(report.bytes)].filter(Boolean).join(" · ");
    return el(
      "li",
      {},
      el("button.report", { type: "button", "aria-current": chosen ? "true" : null, on: { click: open } }, icon("report"), el("span", {}, el("strong", {}, report.title || report.name), el("span.hint", {}, facts))),
    );
  }
}
