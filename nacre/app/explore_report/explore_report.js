// Draws the pairs of objectives of `nacre explore` with the tools of nacre/app/page/plot.js. Everything comes from the JSON in
// #report-data, which nacre/app/explore_report/explore_report.cpp writes.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("report-data").textContent);
  const { make, draw, numberText, frame, tipFor, follow, responsive, sortable } = nacrePlot;

  function paint(holder, i, j) {
    const [mx, my] = [data.metrics[i], data.metrics[j]];
    const points = data.points.filter((point) => point.values[i] !== null && point.values[j] !== null);
    if (!points.length) { make("p", { class: "note" }, `${mx.name} or ${my.name} is not known.`, holder); return; }
    const area = frame(holder, { x: mx, y: my, xs: points.map((p) => p.values[i]), ys: points.map((p) => p.values[j]), logY: true, label: `${my.name} against ${mx.name}; the numbers are in the tables` });
    const marks = points.map((point) => {
      const at = { x: area.x.map(point.values[i]), y: area.y.map(point.values[j]) };
      draw("circle", { class: point.front ? "mark-front" : "mark-trial", cx: at.x, cy: at.y, r: point.front ? 5.5 : 3 }, area.svg);
      return { ...at, weight: point.front ? 16 : 0, fill: (tip) => {
        make("strong", {}, `trial ${point.trial}${point.front ? ", on the front" : ""}`, tip);
        const list = make("dl", {}, null, tip);
        const rows = [...point.parameters, ...data.metrics.map((spec, k) => [spec.name, point.values[k] === null ? "unknown" : numberText(spec, point.values[k])])];
        for (const [name, value] of rows) {
          make("dt", {}, name, list);
          make("dd", {}, value, list);
        }
      } };
    });
    follow(area, marks, tipFor(holder));
  }

  const plots = document.getElementById("front-plots");
  for (let i = 0; plots && i < data.metrics.length; ++i) {
    for (let j = i + 1; j < data.metrics.length; ++j) {
      const figure = make("figure", {}, null, plots);
      responsive(make("div", { class: "plot" }, null, figure), (inner) => paint(inner, i, j));
    }
  }
  sortable();
})();
