// The picture: two images over each other and a divider. `props.value` says what is seen:
// {photo, painting, aspect, alt, phase, live, fade, caption, left, right, at}; pictures are Gradio's
// files, live says how much of the panel below is about what is seen: all, take or none.
const stage = element.querySelector(".stage");
const frame = stage.querySelector(".frame");
const reach = stage.querySelector(".reach");
const part = (name) => stage.querySelector(`.${name}`);
const busy = new Set(["waiting", "painting", "printing"]);
let phase = "", shown = 0, moves = 0, sweeps = false;

const fade = (percent) => { part("painting").style.opacity = percent / 100; };

const move = (at) => {
  moves += 1;
  stage.classList.remove("sweep");
  reach.value = at;
  reach.setAttribute("aria-valuetext", `${Math.round(at)} % photo`);
  frame.style.setProperty("--at", `${at}%`);
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

// What is below the picture can be used when it is about the picture that is seen.
const enliven = (live) => {
  const inert = (panels, off) => document.querySelectorAll(panels).forEach((panel) => {
    panel.inert = off;
  });
  inert("#after", live === "none");
  inert("#tune, #more, #film, #larger", live !== "all");
  inert("#recent", busy.has(phase));
};

const render = async () => {
  const value = props.value;
  if (!value) return;
  const was = phase;
  phase = value.phase;
  enliven(value.live ?? "none");
  // What comes into sight with this answer is not there yet.
  setTimeout(() => enliven(props.value.live ?? "none"), 150);
  if (busy.has(phase) && !busy.has(was)) move(0);
  stage.classList.toggle("whole-only", busy.has(phase) || !value.photo);
  // An answer that comes on the heels of the last may overtake it; the sweep is not lost to that.
  if (phase === "finished" && busy.has(was)) sweeps = true;
  const before = moves;
  if (!await swap([value.photo, value.painting], ++shown)) return;
  for (const name of ["caption", "left", "right"]) part(name).textContent = value[name] ?? "";
  frame.style.setProperty("--aspect", value.aspect);
  part("painting").alt = value.alt ?? "The painting";
  fade(value.fade ?? 100);
  // A visitor who has moved the divider meanwhile has the last word.
  if (moves === before && value.at != null && !busy.has(phase)) move(value.at);
  if (sweeps) stage.classList.add("sweep");
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
const whole = part("whole");
if (!stage.requestFullscreen) whole.hidden = true;
whole.addEventListener("click", () => {
  if (document.fullscreenElement) document.exitFullscreen();
  else stage.requestFullscreen();
});
render();
watch("value", render);
