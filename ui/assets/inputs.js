// What a visitor brings: a click, a drop or a paste replaces the photo, and a drop on the paintings
// the painting. Whether it can be used is for the server to say; until then nothing is replaced.
const UPLOADS = { photo: "#upload", styles: "#own-upload" };

document.addEventListener("click", ({ target }) => {
  if (target.closest("#photo, #compare-photo")) document.querySelector(UPLOADS.photo).click();
  const tile = target.closest("#styles .thumbnail-item");
  // The first tile is a painting of one's own: to bring one, or another in place of a chosen one.
  if (tile && tile === document.querySelector("#styles .thumbnail-item")) {
    const there = tile.querySelector("img").alt === "Yours";
    if (!there || tile.classList.contains("selected")) document.querySelector(UPLOADS.styles).click();
  }
}, true);

const bring = (file, place) => {
  const field = document.querySelector(`input[type=file]:has(+ ${UPLOADS[place]})`);
  const carried = new DataTransfer();
  carried.items.add(file);
  field.files = carried.files;
  field.dispatchEvent(new Event("change", { bubbles: true }));
};
document.addEventListener("dragover", (event) => {
  if (!event.dataTransfer?.types.includes("Files")) return;
  event.preventDefault();
  document.body.dataset.drop = event.target.closest?.("#styles") ? "styles" : "photo";
});
document.addEventListener("dragleave", ({ relatedTarget }) => {
  if (!relatedTarget) delete document.body.dataset.drop;
});
document.addEventListener("drop", (event) => {
  const { files } = event.dataTransfer ?? {};
  if (!files?.length) return;
  event.preventDefault();
  bring(files[0], document.body.dataset.drop ?? "photo");
  delete document.body.dataset.drop;
});
document.addEventListener("paste", ({ clipboardData }) => {
  if (clipboardData?.files.length) bring(clipboardData.files[0], "photo");
});
