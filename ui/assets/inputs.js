// What a visitor brings: a click, a drop or a paste replaces the photo, and a drop on the paintings
// the painting. Whether it can be used is for the server to say; until then nothing is replaced.

const bring = (files, button) => {
  const field = document.querySelector(`input[type=file]:has(+ ${button})`);
  if (!files?.length || !field) return;
  const carried = new DataTransfer();
  carried.items.add(files[0]);
  field.files = carried.files;
  field.dispatchEvent(new Event("change", { bubbles: true }));
};
const PHOTO = "#photo, #compare-photo"; // the same photo, in either tab
const choose = (button) => document.querySelector(button).click();

document.addEventListener("click", (event) => {
  if (event.target.closest(PHOTO)) choose("#upload");
  const tile = event.target.closest("#styles .thumbnail-item");
  // The first tile is a painting of one's own: to bring one, or another in place of a chosen one.
  if (tile && tile === document.querySelector("#styles .thumbnail-item")) {
    const there = tile.querySelector("img").alt === "Yours";
    if (!there || tile.classList.contains("selected")) choose("#own-upload");
  }
}, true);

const target = (event) =>
  event.target.closest?.("#styles") ? ["#own-upload", "#styles"] : ["#upload", PHOTO];
const mark = (place) => document.querySelectorAll(`${PHOTO}, #styles`).forEach(
  (box) => box.classList.toggle("dropping", box.matches(place)));
// Gradio's own boxes take their drops themselves.
const ours = (event) => event.dataTransfer?.types.includes("Files")
  && !event.target.closest?.(".upload-container, #open-painting");
document.addEventListener("dragover", (event) => {
  if (!ours(event)) return;
  event.preventDefault();
  mark(target(event)[1]);
});
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) mark("none"); });
document.addEventListener("drop", (event) => {
  mark("none");
  if (!ours(event)) return;
  event.preventDefault();
  bring(event.dataTransfer.files, target(event)[0]);
});
document.addEventListener("paste", (event) => {
  if (event.clipboardData?.files.length) bring(event.clipboardData.files, "#upload");
});
