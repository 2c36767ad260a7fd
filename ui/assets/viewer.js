// The picture: two images over each other and a divider. `props.value` says what is seen:
// {photo, painting, aspect, alt, phase, live, fade, caption, left, right, at}; pictures are Gradio's
// files, live says whether the panel below is about what is seen.
const stage = element.querySelector(".stage");
const reach = stage.querySelector(".reach");
const part = (name) => stage.querySelector(`.${name}`);
let busy = false, shown = 0, moves = 0, sweeps = false;

const fade = (percent) => { part("painting").style.opacity = percent / 100; };

const move = (at) => {
  moves += 1;
  stage.classList.remove("sweep");
  reach.value = at;
  reach.setAttribute("aria-valuetext", `${Math.round(at)} % photo`);
  part("frame").style.setProperty("--at", `${at}%`);
};

// A picture takes the place of the one before when it can be painted at once, never before.
const swap = async (files, turn) => {
  const urls = files.map((file) => file?.url);
  await Promise.all(urls.filter(Boolean).map((url) => {
    const image = new Image();
    image.src = url;
    return image.decode().catch(() => {});
  }));
  if (turn !== shown) return false;
  const set = (image, url) => {
    image.hidden = !url;
    if (url && image.getAttribute("src") !== url) image.src = url;
  };
  set(part("base"), urls[0]);
  set(part("photo"), urls[0]);
  set(part("painting"), urls[1]);
  stage.classList.add("there");
  return true;
};

// A small painting is enlarged to be seen, which is said.
const scale = () => {
  const { clientWidth } = part("frame"), { naturalWidth } = part("painting");
  const times = clientWidth * Math.min(devicePixelRatio, 2) / (naturalWidth || clientWidth);
  part("scale").textContent = times > 1.2 && !busy && !props.value.right
    ? `shown ${times.toFixed(1)}× as large` : "";
};

// What is below the picture can be used when it is about the picture that is seen.
const enliven = () => {
  const inert = (panel, off) => {
    const found = document.querySelector(panel);
    if (found) found.inert = off;
  };
  inert("#after", busy || !props.value.live);
  inert("#recent", busy);
};

const render = async () => {
  const value = props.value;
  if (!value) return;
  const was = busy;
  busy = value.phase === "painting";
  enliven();
  setTimeout(enliven, 150);  // what comes into sight with this answer is not there yet
  if (busy && !was) move(0);
  stage.classList.toggle("whole-only", !value.photo);
  // An answer that comes on the heels of the last may overtake it; the sweep is not lost to that.
  if (was && value.phase === "finished") sweeps = true;
  const before = moves;
  if (!await swap([value.photo, value.painting], ++shown)) return;
  for (const name of ["caption", "left", "right"]) part(name).textContent = value[name] ?? "";
  stage.style.setProperty("--aspect", value.aspect);
  part("painting").alt = value.alt ?? "The painting";
  fade(value.fade ?? 100);
  scale();
  // A visitor who has moved the divider meanwhile has the last word.
  if (moves === before && value.at != null && !busy) move(value.at);
  if (sweeps && reach.value === "0") stage.classList.add("sweep");
  sweeps = false;
};

window.nst ??= {};
nst.fade = fade;
// The picture as it is seen, blended, as a JPEG.
nst.seen = () => {
  const [base, painting] = [part("base"), part("painting")];
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [painting.naturalWidth, painting.naturalHeight];
  const pen = canvas.getContext("2d");
  if (!base.hidden) pen.drawImage(base, 0, 0, canvas.width, canvas.height);
  pen.globalAlpha = Number(painting.style.opacity || 1);
  pen.drawImage(painting, 0, 0);
  return new Promise((done) => { canvas.toBlob(done, "image/jpeg", 0.92); });
};
reach.addEventListener("input", () => move(Number(reach.value)));
new ResizeObserver(scale).observe(stage);

// Phones that have no whole screen for a page's element let it cover the page instead.
const cover = (on) => {
  stage.classList.toggle("cover", on);
  document.body.style.overflow = on ? "hidden" : "";
};
part("whole").addEventListener("click", () => {
  if (document.fullscreenElement) document.exitFullscreen();
  else if (stage.requestFullscreen) stage.requestFullscreen();
  else cover(!stage.classList.contains("cover"));
});
document.addEventListener("keydown", (event) => { if (event.key === "Escape") cover(false); });
render();
watch("value", render);
