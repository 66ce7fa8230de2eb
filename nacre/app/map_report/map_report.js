// Draws the roofline and the bars of `nacre map` with the tools of nacre/app/page/plot.js. Everything comes from the JSON in
// #report-data, which nacre/app/map_report/map_report.cpp writes.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("report-data").textContent);
  const { make, draw, numberText, frame, tipFor, follow, responsive, choices, sortable } = nacrePlot;
  const color = (i) => `var(--s${i % 8})`;
  const count = { name: "", unit: "" }, joule = { name: "energy", unit: "J" };

  function facts(tip, title, rows) {
    make("strong", {}, title, tip);
    const list = make("dl", {}, null, tip);
    for (const [name, value] of rows) {
      make("dt", {}, name, list);
      make("dd", {}, value, list);
    }
  }

  // --- roofline ------------------------------------------------------------------------------------------------------

  const rate = { name: "MACs a cycle", unit: "" }, intensity = { name: "MACs a byte", unit: "" };

  function roofline(holder, level) {
    const points = data.layers.filter((layer) => layer.macs > 0 && layer.cycles > 0 && layer.bits[level.index] > 0)
      .map((layer) => ({ layer, x: layer.macs * 8 / layer.bits[level.index], y: layer.macs / layer.cycles }));
    if (!points.length) { make("p", { class: "note" }, "No layer moves anything there.", holder); return; }
    const peaks = [...new Set(points.map((point) => point.layer.peak))];
    const bytes = level.bits_per_cycle === null ? null : level.bits_per_cycle / 8;
    const ridges = bytes === null ? [] : peaks.map((peak) => peak / bytes);
    const area = frame(holder, { x: intensity, y: rate, xs: [...points.map((p) => p.x), ...ridges], ys: [...points.map((p) => p.y), ...peaks], logY: true, label: `roofline of ${level.name}: ${points.length} layers; the numbers are in the table of layers`, xTitle: `MACs a byte of ${level.name}`, yTitle: "MACs a cycle" });
    const { svg, x, y, box } = area;
    const inside = (value) => Math.min(box.bottom, Math.max(box.top, value));
    for (const peak of peaks) {
      const ridge = bytes === null ? x.low : Math.max(x.low, peak / bytes);
      draw("path", { class: "roof", d: `M${x.map(ridge)} ${inside(y.map(peak))}H${box.right}` }, svg);
    }
    if (bytes !== null) {
      const top = Math.max(...peaks), steps = 40, from = x.low, to = Math.max(from, top / bytes), at = [];
      for (let i = 0; i <= steps; ++i) {
        const value = from * (to / from) ** (i / steps);
        if (y.map(value * bytes) <= box.bottom) at.push(`${x.map(value)} ${inside(y.map(value * bytes))}`);
      }
      if (at.length > 1) draw("path", { class: "roof", d: `M${at.join("L")}` }, svg);
    }
    const marks = points.map((point) => {
      draw("circle", { class: point.layer.bound_by === "compute" ? "point-compute" : "point-memory", cx: x.map(point.x), cy: y.map(point.y), r: 4 }, svg);
      return { x: x.map(point.x), y: y.map(point.y), fill: (tip) => facts(tip, point.layer.name, [["operator", point.layer.op], ["loops", point.layer.shapes.join("; ")], ["MACs", numberText(count, point.layer.macs)], ["MACs a cycle", numberText(count, point.y)], ["MACs a byte", numberText(count, point.x)], ["bound by", point.layer.bound_by]]) };
    });
    follow(area, marks, tipFor(holder));
  }

  // --- bars ----------------------------------------------------------------------------------------------------------

  function bars(holder, what) {
    const energy = what === "energy";
    const layers = data.layers.filter((layer) => layer.cycles > 0 || layer.energy_j > 0);
    const heights = layers.map((layer) => (energy ? layer.parts_j : [layer.cycles]));
    const known = heights.map((parts) => parts.reduce((a, b) => a + (b ?? 0), 0));
    if (!layers.length) return;
    const used = data.components.map((name, i) => [name, i]).filter(([, i]) => layers.some((layer) => layer.parts_j[i] > 0));
    if (energy) {
      const list = make("ul", { class: "legend" }, null, holder);
      for (const [name, i] of used) {
        const item = make("li", {}, null, list);
        draw("rect", { x: 4, y: 1, width: 14, height: 10, fill: color(i) }, draw("svg", { viewBox: "0 0 22 12", "aria-hidden": "true" }, item));
        item.append(name);
      }
      if (data.layers.some((layer) => layer.energy_j === null)) make("p", { class: "note" }, "Energies that are not known are left out.", holder);
    }
    const spec = energy ? joule : { name: "cycles", unit: "" };
    const area = frame(holder, { x: { name: "layer", unit: "" }, y: spec, xs: [0, layers.length], ys: [0, ...known], padX: 0.01, linearX: true, whole: true, label: `${what} of each layer; the numbers are in the table of layers`, xTitle: "layer", yTitle: energy ? "energy" : "cycles" });
    const { svg, x, y } = area, marks = [];
    layers.forEach((layer, i) => {
      const left = x.map(i + 0.1), width = Math.max(1, x.map(i + 0.9) - left);
      let sum = 0;
      heights[i].forEach((part, c) => {
        if (!(part > 0)) return;
        draw("rect", { x: left, width, y: y.map(sum + part), height: Math.max(0, y.map(sum) - y.map(sum + part)), fill: color(energy ? c : 0) }, svg);
        sum += part;
      });
      const rows = energy ? used.map(([name, c]) => [name, layer.parts_j[c] === null ? "unknown" : numberText(joule, layer.parts_j[c])]) : [["cycles", numberText(count, layer.cycles)], ["bound by", layer.bound_by]];
      marks.push({ x: left + width / 2, y: y.map(sum), fill: (tip) => facts(tip, `${i + 1}: ${layer.name}`, [["operator", layer.op], ...rows]) });
    });
    follow(area, marks, tipFor(holder));
  }

  // A plot with buttons above that say of what it is.
  function chosen(id, names, paint) {
    const holder = document.getElementById(id);
    if (!holder || !names.length) return;
    let current = names[0];
    const again = responsive(holder, (inner) => paint(inner, current));
    if (names.length > 1) choices(holder, names, current, (name) => { current = name; again(); });
  }

  chosen("roofline-plot", data.levels.map((level) => level.name), (holder, name) => roofline(holder, data.levels.find((level) => level.name === name)));
  chosen("shares-plot", ["energy", "time"], bars);
  sortable();
})();
