// Runs before the first paint, so that a chosen theme does not flash.
{
  let theme = null;
  try {
    theme = localStorage.getItem("likewise-theme");
  } catch {
    // Storage is blocked: the theme of the system is used.
  }
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
}
