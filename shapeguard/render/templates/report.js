"use strict";
// Without this script the page is complete; with it long tables can be searched.
for (const tools of document.querySelectorAll("[data-filter]")) {
  const all = [...document.getElementById(tools.dataset.filter).tBodies[0].rows];
  const gaps = all.filter((row) => row.className === "gap");
  const rows = all.filter((row) => row.className !== "gap");
  const text = tools.querySelector("input[type=search]");
  const kind = tools.querySelector("select");
  const parted = tools.querySelector("input[type=checkbox]");
  const shown = tools.querySelector("output");
  const update = () => {
    const wanted = text ? text.value.trim().toLowerCase() : "";
    let count = 0;
    for (const row of rows) {
      const hit =
        (!wanted || row.textContent.toLowerCase().includes(wanted)) &&
        (!kind || !kind.value || row.dataset.kind === kind.value) &&
        (!parted || !parted.checked || row.dataset.parts === "yes");
      row.hidden = !hit;
      count += hit;
    }
    for (const gap of gaps) gap.hidden = count < rows.length;
    shown.textContent = `${count} of ${rows.length} rows`;
  };
  tools.addEventListener("input", update);
  tools.hidden = false;
  update();
}
