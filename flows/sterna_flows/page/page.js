// Shows the text of the mark that is under the pointer or has the focus.
"use strict";
const tip = document.getElementById("tip");
function show(mark) {
  tip.textContent = mark.dataset.tip;
  tip.hidden = false;
  const box = mark.getBoundingClientRect();
  const width = document.documentElement.clientWidth;
  const left = Math.min(box.left + box.width / 2 + 12, width - tip.offsetWidth - 8);
  const above = box.top - tip.offsetHeight - 8;
  tip.style.left = Math.max(8, left) + scrollX + "px";
  tip.style.top = (above > 0 ? above : box.bottom + 8) + scrollY + "px";
}
function hide() {
  tip.hidden = true;
}
for (const mark of document.querySelectorAll("[data-tip]")) {
  mark.setAttribute("role", "img");
  mark.setAttribute("aria-label", mark.dataset.tip.replaceAll("\n", ", "));
  mark.addEventListener("mouseenter", () => show(mark));
  mark.addEventListener("mouseleave", hide);
  mark.addEventListener("focus", () => show(mark));
  mark.addEventListener("blur", hide);
}
