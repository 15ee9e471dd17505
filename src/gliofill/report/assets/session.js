"use strict";
// outlines over the pictures, the copy button, and a print that hides nothing
for (const box of document.querySelectorAll("[data-outline]")) {
  const name = box.dataset.outline;
  box.closest("label").hidden = !document.querySelector(`path.outline-${name}`);
  box.addEventListener("change", () => document.body.classList.toggle(`hide-${name}`, !box.checked));
}

for (const button of document.querySelectorAll("[data-copy]")) {
  const text = document.getElementById(button.dataset.copy);
  button.addEventListener("click", async () => {
    const said = document.getElementById("copied");
    try {
      await navigator.clipboard.writeText(text.innerText);
      said.textContent = "copied";
    } catch {
      // a page that was opened from a folder may not be allowed to: select the text instead
      getSelection().selectAllChildren(text);
      said.textContent = "selected; copy it with the keyboard";
    }
  });
}

let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not([open])")];
  for (const part of opened) part.open = true;
});
addEventListener("afterprint", () => {
  for (const part of opened) part.open = false;
});
