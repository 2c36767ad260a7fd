// The picture: two images over each other and a divider. `props.value` says what is seen:
// {photo, painting, aspect, alt, phase, live, fade, caption, at}; pictures are Gradio's files, live
// says whether the panel below is about what is seen.
const stage = element.querySelector(".stage");
const part = (name) => stage.querySelector(`.${name}`);
const reach = part("reach");
let busy = false, shown = 0, sweeps = false;

window.nst ??= {};
nst.fade = (percent) => { part("painting").style.opacity = percent / 100; };

const move = (at) => {
  stage.classList.remove("sweep");
  reach.value = at;
  reach.setAttribute("aria-valuetext", `${Math.round(at)} % photo`);
  part("frame").style.setProperty("--at", `${at}%`);
};

// A small painting is enlarged to be seen, which is said.
const scale = () => {
  const { clientWidth } = part("frame"), { naturalWidth } = part("painting");
  const times = clientWidth * Math.min(devicePixelRatio, 2) / (naturalWidth || clientWidth);
  part("scale").textContent = times > 1.2 && !busy ? `shown ${times.toFixed(1)}× as large` : "";
};

// What is below the picture can be used when it is about the picture that is seen.
const enliven = () => {
  for (const [panel, inert] of [["#after", busy || !props.value.live], ["#recent", busy]]) {
    const found = document.querySelector(panel);
    if (found) found.inert = inert;
  }
};

const render = async () => {
  const value = props.value, turn = ++shown;
  if (!value) return;
  const before = reach.value;
  if (value.phase === "painting" && !busy) move(0);
  // An answer that comes on the heels of the last may overtake it; the sweep is not lost to that.
  sweeps ||= busy && value.phase === "finished";
  busy = value.phase === "painting";
  enliven();
  setTimeout(enliven, 150);  // what comes into sight with this answer is not there yet
  // A picture takes the place of the one before when it can be painted at once, never before.
  const urls = { base: value.photo?.url, painting: value.painting?.url, photo: value.photo?.url };
  await Promise.all(Object.values(urls).filter(Boolean).map((src) =>
    Object.assign(new Image(), { src }).decode().catch(() => {})));
  if (turn !== shown) return;
  for (const [name, url] of Object.entries(urls)) {
    part(name).hidden = !url;
    if (url && part(name).getAttribute("src") !== url) part(name).src = url;
  }
  stage.classList.add("there");
  stage.classList.toggle("whole-only", !value.photo);
  const { top, height } = stage.getBoundingClientRect();
  stage.style.setProperty("--aspect", value.aspect);
  // On a phone another photo makes it taller: what is looked at below stays where it is.
  if (top < 0) scrollBy({ top: stage.offsetHeight - Math.round(height), behavior: "instant" });
  part("caption").textContent = value.caption ?? "";
  part("painting").alt = value.alt;
  nst.fade(value.fade ?? 100);
  scale();
  // A visitor who has moved the divider meanwhile has the last word.
  if (reach.value === before && value.at != null && !busy) move(value.at);
  if (sweeps && reach.value === "0") stage.classList.add("sweep");
  sweeps = false;
};

reach.addEventListener("input", () => move(Number(reach.value)));
new ResizeObserver(scale).observe(stage);

// It covers the page: phones have no whole screen for a page's element.
const cover = (on) => {
  stage.classList.toggle("cover", on);
  document.body.style.overflow = on ? "hidden" : "";
};
part("whole").addEventListener("click", () => cover(!stage.classList.contains("cover")));
document.addEventListener("keydown", ({ key }) => { if (key === "Escape") cover(false); });
render();
watch("value", render);
