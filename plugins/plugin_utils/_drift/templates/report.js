// Filters the hosts. All that there is to read is in the page without it.
(function () {
  "use strict";
  function marks(element, by) { return " " + element.dataset[by] + " "; }

  var hosts = Array.prototype.map.call(document.querySelectorAll(".host"), function (element) {
    return { element: element, text: "", marks: { v: marks(element, "v"), w: marks(element, "w"), l: marks(element, "l") } };
  });
  var tools = document.querySelector(".tools");
  if (!tools) { return; }
  var box = document.getElementById("filter");
  var shown = document.getElementById("shown");
  var chosen = { v: [], w: [], l: [] };
  var waiting = 0;

  function textOf(host) {
    if (!host.text) {
      var parts = host.element.querySelectorAll("h3, .why, tbody th");
      host.text = Array.prototype.map.call(parts, function (part) { return part.textContent; }).join("\n").toLowerCase();
    }
    return host.text;
  }

  function fits(host, wanted) {
    return Object.keys(chosen).every(function (by) {
      return !chosen[by].length || chosen[by].some(function (mark) { return host.marks[by].indexOf(" " + mark + " ") >= 0; });
    }) && wanted.every(function (part) { return textOf(host).indexOf(part) >= 0; });
  }

  function apply() {
    var wanted = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    var count = 0;
    waiting = 0;
    hosts.forEach(function (host) {
      var fitting = fits(host, wanted);
      count += fitting;
      if (host.element.hidden === fitting) { host.element.hidden = !fitting; }
    });
    shown.textContent = count === hosts.length ? "all " + count + " shown" : count + " of " + hosts.length + " shown";
  }

  function soon() {
    if (!waiting) { waiting = requestAnimationFrame(apply); }
  }

  function button(chip) {
    var made = document.createElement("button");
    made.type = "button";
    made.className = chip.className;
    made.setAttribute("aria-pressed", "false");
    made.append.apply(made, Array.prototype.slice.call(chip.childNodes));
    made.addEventListener("click", function () {
      var list = chosen[chip.dataset.by];
      var at = list.indexOf(chip.dataset.is);
      if (at < 0) { list.push(chip.dataset.is); } else { list.splice(at, 1); }
      made.setAttribute("aria-pressed", String(at < 0));
      apply();
    });
    chip.replaceWith(made);
  }

  function open(all) {
    hosts.forEach(function (host) {
      if (!host.element.hidden) { host.element.open = all; }
    });
  }

  // to print: what is not as declared, unfolded
  var unfolded = [];
  window.addEventListener("beforeprint", function () {
    unfolded = Array.prototype.filter.call(document.querySelectorAll(".host:not([hidden]):not([data-v=clean]), .host:not([data-v=clean]) details"),
      function (element) { return !element.open; });
    unfolded.forEach(function (element) { element.open = true; });
  });
  window.addEventListener("afterprint", function () {
    unfolded.forEach(function (element) { element.open = false; });
  });

  box.addEventListener("input", soon);
  Array.prototype.forEach.call(document.querySelectorAll(".chip[data-by]"), button);
  document.getElementById("unfold").addEventListener("click", function () { open(true); });
  document.getElementById("fold").addEventListener("click", function () { open(false); });
  tools.hidden = false;
  apply();
}());
