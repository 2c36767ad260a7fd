// What the page does without asking the server. Runs once, when the page is ready; events call
// what is in `nst`, and so does the picture's own script, which may run before.

document.documentElement.lang = "en";

// A button says for a moment what it has done.
const say = (button, words) => {
  const was = button.dataset.was ??= button.textContent;
  button.textContent = words;
  setTimeout(() => { button.textContent = was; }, 1600);
};

const glide = (element, block) => element.scrollIntoView({ block,
  behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth" });

Object.assign(window.nst ??= {}, {
  save(button) {
    setTimeout(() => document.querySelector(button).click(), 60);
  },
  // What was made to be shared: the phone's own sheet takes it, or it is downloaded.
  async send({ url, orig_name }) {
    const blob = await (await fetch(url)).blob();
    const file = new File([blob], orig_name ?? url.split("/").pop(), { type: blob.type });
    try {
      if (!navigator.canShare?.({ files: [file] })) throw new Error("no sheet");
      await navigator.share({ files: [file] });
    } catch (error) {
      if (error.name === "AbortError") return;  // the sheet was put away
      Object.assign(document.createElement("a"),
        { href: URL.createObjectURL(blob), download: file.name }).click();
    }
  },
  // A secret of this visit, so that a reload finds its results.
  visit() {
    let name = sessionStorage.getItem("nst-visit");
    if (!name) {
      name = [...crypto.getRandomValues(new Uint8Array(16))]
        .map((byte) => byte.toString(16).padStart(2, "0")).join("");
      sessionStorage.setItem("nst-visit", name);
    }
    return name;
  },
  toChoice(place) {
    glide(document.querySelector(place), "center");
  },
  // Whoever presses Paint wants to watch: a picture that is cut comes into view, a whole one stays.
  toPicture() {
    const picture = document.querySelector("#picture"), { top, bottom } = picture.getBoundingClientRect();
    const seen = document.querySelector("#actions").getBoundingClientRect().top;
    if (top < 0 || bottom > seen) glide(picture, "start");
  },
  // What happens is told and shown below the button; it may be out of sight, or not there yet.
  async toStatus(status) {
    let told;
    while (!(told = document.querySelector(status))) await new Promise(requestAnimationFrame);
    if (told.getBoundingClientRect().bottom > window.innerHeight - 160) glide(told, "center");
  },
  added(button) {
    say(document.querySelector(button), "Set beside");
  },
  paint() {
    window.scrollTo({ top: 0, behavior: "instant" });
    setTimeout(() => document.querySelector("#go").click(), 60);
  },
});

// What Gradio leaves out for those who do not see the page: thumbnails are called "Thumbnail 3 of
// 13", the photo nothing, folds do not say whether they are open.
const name = () => {
  document.querySelectorAll(".thumbs button img[alt]").forEach((img) => {
    const button = img.closest("button");
    if (button.getAttribute("aria-label") !== img.alt) button.setAttribute("aria-label", img.alt);
    button.title = img.alt;
    button.setAttribute("aria-pressed", button.classList.contains("selected"));
  });
  document.querySelectorAll("#photo button:not([aria-label]), #compare-photo button:not([aria-label])")
    .forEach((photo) => photo.setAttribute("aria-label", "Choose another photo"));
  document.querySelectorAll("button.label-wrap").forEach((fold) =>
    fold.setAttribute("aria-expanded", fold.classList.contains("open")));
  document.querySelectorAll("fieldset[id] input[type=radio]").forEach((radio) => {
    radio.name = radio.closest("fieldset").id;  // one name each, and arrows would not move
  });
};
let due = false;
new MutationObserver(() => {
  if (due) return;
  due = true;
  setTimeout(() => { due = false; name(); }, 150);
}).observe(document.body, {
  childList: true, subtree: true, attributes: true, attributeFilter: ["class"],
});
name();

// Over plain http a page has no camera.
if (!navigator.mediaDevices) document.body.classList.add("no-camera");

// A finger that goes on to scroll the page has not meant the slider that it came down on.
let touched = null;
document.addEventListener("pointerdown", ({ target, pointerType }) => {
  const slider = pointerType === "touch" && target.matches?.("input[type=range]");
  touched = slider ? { target, value: target.value } : null;
}, true);
document.addEventListener("pointercancel", () => {
  if (!touched) return;
  touched.target.value = touched.value;
  touched.target.dispatchEvent(new Event("input", { bubbles: true }));
  touched = null;
}, true);

// A button that is not there any more leaves the focus nowhere.
document.addEventListener("click", ({ target }) => {
  if (target.closest?.("#stop") && document.activeElement?.id === "stop")
    document.querySelector("#go").focus({ preventScroll: true });
});

// Back goes to the tab before.
const tab = (name) => document.querySelector(`[role=tab][data-tab-id="${name}"]`);
document.addEventListener("click", ({ target, isTrusted }) => {
  const chosen = isTrusted && target.closest?.("[role=tab]")?.dataset.tabId;
  if (chosen) history.pushState({ tab: chosen }, "");
});
addEventListener("popstate", ({ state }) => tab(state?.tab ?? "paint")?.click());
