"use strict";
// Draws every figure of the page, and fits the heights of a chart to the stretch of time that is zoomed into.
const options = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] };
const still = { responsive: true, displayModeBar: false };

const ink = () => getComputedStyle(document.body).getPropertyValue("--quiet").trim();

function fit(chart) {
  const time = chart._fullLayout.xaxis;
  const [start, end] = time.range.map(time.r2l);
  const edges = {};
  for (const trace of chart._fullData.filter((one) => one.hoverinfo !== "skip")) {
    const name = "yaxis" + trace.yaxis.slice(1);
    const [low, high] = edges[name] || [Infinity, -Infinity];
    const lows = trace.low || trace.y, highs = trace.high || trace.y;
    let least = low, most = high;
    for (let place = 0; place < trace.x.length; place++) {
      if (trace.x[place] >= start && trace.x[place] <= end) {
        if (lows[place] < least) least = lows[place];
        if (highs[place] > most) most = highs[place];
      }
    }
    edges[name] = [least, most];
  }
  const ranges = {};
  for (const [name, [least, most]] of Object.entries(edges)) {
    const margin = (most - least) / 20 || Math.abs(most) / 100 || 0.01;
    if (least <= most) ranges[name + ".range"] = [least - margin, most + margin];
  }
  Plotly.relayout(chart, ranges);
}

for (const chart of document.querySelectorAll(".chart")) {
  const figure = JSON.parse(document.getElementById(chart.dataset.figure).textContent);
  figure.layout.font.color = ink();
  const zooms = "zoom" in chart.dataset;
  Plotly.newPlot(chart, figure.data, figure.layout, zooms ? options : still).then(() => {
    if (!zooms) return;
    chart.on("plotly_relayout", (change) => {
      if (Object.keys(change).some((key) => key.startsWith("xaxis"))) fit(chart);
    });
  });
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const chart of document.querySelectorAll(".chart")) Plotly.relayout(chart, { "font.color": ink() });
});
