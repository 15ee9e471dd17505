"use strict";
// two images in one place: the pictures that the page shows already, one above the other
(() => {
  const stage = document.getElementById("flicker");
  if (!stage) return;
  const first = document.getElementById("flicker-a");
  const second = document.getElementById("flicker-b");
  const auto = document.getElementById("flicker-auto");
  const shown = document.getElementById("flicker-shown");
  const sources = new Map([...document.querySelectorAll("[data-flicker]")].map((e) => [e.dataset.flicker, e]));
  const names = [...sources.keys()];
  for (const select of [first, second]) {
    for (const name of names) select.add(new Option(name, name));
  }
  const reference = names.includes(stage.dataset.reference) ? stage.dataset.reference : names[0];
  first.value = reference;
  second.value = names.find((name) => name !== reference);

  function draw() {
    stage.replaceChildren();
    const pairs = [first, second].map((select) => [...sources.get(select.value).querySelectorAll(".plane")]);
    pairs[0].forEach((plane, i) => {
      const place = plane.cloneNode(true);
      place.querySelector("img").classList.add("first");
      const above = pairs[1][i].querySelector("img").cloneNode();
      above.classList.add("second");
      place.querySelector("img").after(above);
      stage.append(place);
    });
    say();
  }

  function say() {
    const swapped = stage.classList.contains("swapped");
    shown.textContent = `shown: ${(swapped ? second : first).value}`;
  }

  function swap() {
    stage.classList.toggle("swapped");
    say();
  }

  let timer = 0;
  auto.addEventListener("change", () => {
    clearInterval(timer);
    // a reader with a screen reader is not told twice a second
    shown.setAttribute("aria-live", auto.checked ? "off" : "polite");
    if (auto.checked) timer = setInterval(swap, 700);
  });
  document.getElementById("flicker-toggle").addEventListener("click", swap);
  stage.addEventListener("click", swap);
  stage.addEventListener("keydown", (event) => {
    if (event.key === "f" || event.key === "F") swap();
  });
  first.addEventListener("change", draw);
  second.addEventListener("change", draw);
  draw();
})();
