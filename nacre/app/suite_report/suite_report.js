// Draws the curves of a suite's report with the tools of nacre/app/page/plot.js. Everything comes from the JSON in
// #report-data, which nacre/app/suite_report/suite_report.cpp writes.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("report-data").textContent);
  const { make, draw, numberText, frame, tipFor, follow, responsive, sortable } = nacrePlot;
  const color = (i) => `var(--s${i % 8})`;
  const dash = (curve) => (curve.random ? "5 3" : curve.index >= 8 ? "1.5 2.5" : "");

  // plot: {id, title, y: {name, unit}, y_title, log, floor, curves: [{name, index, random, points: [[queries, mean, low, high], ...]}]}
  function paint(holder, plot) {
    make("h3", {}, plot.title, holder);
    const list = make("ul", { class: "legend" }, null, holder);
    for (const curve of plot.curves) {
      const item = make("li", {}, null, list);
      draw("path", { d: "M1 6H21", class: "curve-line", stroke: color(curve.index), "stroke-dasharray": dash(curve) }, draw("svg", { viewBox: "0 0 22 12", "aria-hidden": "true" }, item));
      item.append(curve.name);
    }
    const all = plot.curves.flatMap((curve) => curve.points), xs = all.map((p) => p[0]);
    // The first few queries should not squeeze the rest.
    const settled = all.filter((p) => p[0] >= 0.05 * Math.max(...xs)), ys = settled.flatMap((p) => [p[1], p[2], p[3]]).filter((v) => !plot.log || v > 0);
    const area = frame(holder, { x: { name: "queries", unit: "" }, y: plot.y, xs: [0, ...xs], ys: ys.length ? ys : [0, 1], padX: 0.01, linearX: true, whole: true, logY: plot.log, label: `${plot.title}: mean over seeds with 95 % intervals; the numbers are in the tables`, xTitle: "queries", yTitle: plot.y_title });
    const { svg, x, y, box } = area, marks = [];
    const clamp = (v) => Math.min(box.bottom, Math.max(box.top, v > 0 || !plot.log ? y.map(v) : box.bottom));
    if (plot.floor !== null && plot.floor >= y.low && plot.floor <= y.high) draw("line", { class: "floor-line", x1: box.left, x2: box.right, y1: y.map(plot.floor), y2: y.map(plot.floor) }, svg);
    for (const curve of plot.curves) {
      const place = (p, column) => `${x.map(p[0])} ${clamp(p[column])}`;
      const high = curve.points.map((p) => place(p, 3)), low = curve.points.map((p) => place(p, 2)).reverse();
      draw("path", { class: "curve-band", fill: color(curve.index), d: `M${high.join("L")}L${low.join("L")}Z` }, svg);
    }
    for (const curve of plot.curves) {
      draw("path", { class: "curve-line", stroke: color(curve.index), "stroke-dasharray": dash(curve), d: `M${curve.points.map((p) => `${x.map(p[0])} ${clamp(p[1])}`).join("L")}` }, svg);
      for (const p of curve.points) {
        marks.push({ x: x.map(p[0]), y: clamp(p[1]), fill: (tip) => {
          make("strong", {}, curve.name, tip);
          const facts = make("dl", {}, null, tip);
          for (const [name, value] of [["queries", String(p[0])], [plot.y.name, numberText(plot.y, p[1])], ["95 %", `${numberText(plot.y, p[2])} … ${numberText(plot.y, p[3])}`]]) {
            make("dt", {}, name, facts);
            make("dd", {}, value, facts);
          }
        } });
      }
    }
    follow(area, marks, tipFor(holder));
  }

  for (const plot of data.plots) {
    const holder = document.getElementById(plot.id);
    if (holder) responsive(holder, (inner) => paint(inner, plot));
  }
  sortable();
})();
