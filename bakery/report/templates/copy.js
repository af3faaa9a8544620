addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const text = button.dataset.copy;
  let isDone = false;
  try {
    await navigator.clipboard.writeText(text);
    isDone = true;
  } catch {
    // A file has no clipboard of its own in every browser: what is selected can be copied.
    const held = document.createElement("textarea");
    held.value = text;
    document.body.append(held);
    held.select();
    isDone = document.execCommand("copy");
    held.remove();
    button.focus();
  }
  button.textContent = isDone ? "Copied" : "Press Ctrl-C";
  document.getElementById("said").textContent = isDone ? `Copied ${text}` : "It could not be copied";
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
});
