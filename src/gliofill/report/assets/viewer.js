"use strict";
// the viewer: NiiVue and the volumes are loaded when a reader asks for them, as scripts, which works from a folder too
(() => {
  const open = document.getElementById("viewer-open");
  if (!open) return;
  const message = document.getElementById("viewer-message");
  const base = document.getElementById("viewer-base");
  const over = document.getElementById("viewer-over");
  const opacity = document.getElementById("viewer-opacity");
  const place = document.getElementById("viewer-place");
  const canvas = document.getElementById("viewer-canvas");
  const sliders = [...document.querySelectorAll("[data-axis]")];
  const colours = { image: "gray", map: "inferno", mask: "red" };
  let nv;
  let volumes;
  let turn = Promise.resolve();

  const load = (address) =>
    new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = address;
      script.onload = resolve;
      script.onerror = () => reject(new Error(`${address} is missing beside this page`));
      document.head.append(script);
    });

  async function start() {
    open.disabled = true;
    message.textContent = "loading …";
    try {
      await Promise.all([load(open.dataset.viewer), load(open.dataset.volumes)]);
      volumes = window.gliofillVolumes;
      if (!document.createElement("canvas").getContext("webgl2")) {
        throw new Error("this browser offers no WebGL 2; the pictures above show the same images");
      }
      document.getElementById("viewer").hidden = false;
      await build();
      document.getElementById("viewer-start").hidden = true;
      canvas.dataset.ready = "yes";
      base.focus();
    } catch (error) {
      document.getElementById("viewer").hidden = true;
      message.textContent = `The viewer cannot start: ${error.message}.`;
      open.disabled = false;
    }
  }

  async function build() {
    for (const [key, volume] of Object.entries(volumes)) {
      if (volume.kind === "image") base.add(new Option(volume.label, key));
    }
    over.add(new Option("nothing", ""));
    for (const [key, volume] of Object.entries(volumes)) over.add(new Option(volume.label, key));
    nv = new niivue.Niivue({
      backColor: [0, 0, 0, 1],
      crosshairColor: [0.2, 0.75, 0.85, 0.8],
      crosshairWidth: 0.6,
      dragAndDropEnabled: false,
      isRadiologicalConvention: true,
      loadingText: "",
      multiplanarShowRender: 0,
      multiplanarForceRender: false,
      show3Dcrosshair: false,
      logLevel: "silent",
    });
    nv.onLocationChange = tell;
    await nv.attachToCanvas(canvas);
    nv.setSliceType(nv.sliceTypeMultiplanar);
    if (volumes.lesion) over.value = "lesion";
    base.addEventListener("change", show);
    over.addEventListener("change", show);
    opacity.addEventListener("input", () => nv.volumes.length > 1 && nv.setOpacity(1, opacity.value / 100));
    for (const slider of sliders) {
      slider.addEventListener("input", () => {
        nv.scene.crosshairPos[Number(slider.dataset.axis)] = slider.value / 1000;
        nv.drawScene();
        nv.createOnLocationChange();
      });
    }
    await show();
  }

  // one change after the other: two at once would leave volumes of both
  function show() {
    turn = turn.then(async () => {
      const position = nv.volumes.length ? [...nv.scene.crosshairPos] : canvas.dataset.start.split(" ").map(Number);
      while (nv.volumes.length) nv.removeVolume(nv.volumes[0]);
      await add(base.value, 1);
      if (over.value && over.value !== base.value) await add(over.value, opacity.value / 100);
      nv.scene.crosshairPos = position;
      nv.updateGLVolume();
      nv.createOnLocationChange();
    });
    return turn;
  }

  async function add(key, alpha) {
    const volume = volumes[key];
    const mask = volume.kind === "mask";
    const image = await niivue.NVImage.loadFromBase64({
      base64: volume.nifti,
      name: `${key}.nii.gz`,
      colormap: colours[volume.kind],
      opacity: alpha,
      cal_min: mask ? 0.5 : 1,
      cal_max: mask ? 1 : 255,
      trustCalMinMax: false,
    });
    nv.addVolume(image);
  }

  function tell(location) {
    sliders.forEach((slider) => {
      slider.value = Math.round(location.frac[Number(slider.dataset.axis)] * 1000);
    });
    const mm = Array.from(location.mm).slice(0, 3).map((x) => x.toFixed(1));
    const keys = [base.value, over.value].filter((key) => volumes[key]);
    const values = location.values.map((each, i) => {
      const volume = volumes[keys[i]];
      if (!volume) return "";
      const [low, high] = volume.limits;
      const value = volume.kind === "mask" ? each.value : low + (each.value / 255) * (high - low);
      return `${volume.label} ${Number(value.toPrecision(3))}`;
    });
    place.textContent = `right ${mm[0]}, front ${mm[1]}, up ${mm[2]} mm: ${values.filter(Boolean).join("; ")}`;
  }

  open.addEventListener("click", start);
})();
