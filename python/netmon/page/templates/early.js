"use strict";
// Runs before the first paint, so that a chosen theme does not flash. A stored value is only ever compared.
try {
  const theme = localStorage.getItem("netmon-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch { /* storage may be forbidden: the theme of the system stays */ }
