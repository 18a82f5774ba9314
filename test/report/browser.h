// SPDX-License-Identifier: Apache-2.0
// Pages seen by a real browser: headless Chromium, where it is installed.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <unistd.h>

#include <nlohmann/json.hpp>

namespace allot::test {

inline std::string read_all(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// "" when Chromium is not installed.
inline std::string chromium() {
  for (const char* path : {"/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"})
    if (access(path, X_OK) == 0) return path;
  return {};
}

struct Seen {
  std::string console;     // lines that the page made the browser write to its console
  nlohmann::json screens;  // for each of 400 and 1280 px, light and dark, see kMeasure
  nlohmann::json probed;   // what the probe returned at 1280 px
};

// Opens the page in four frames and measures every piece of text that is drawn: where it is after clipping by its
// ancestors, its size, its contrast to the page. `clipped`: cut off without an ellipsis and without a way to scroll.
// `overlaps`: pieces of text that cover one another by more than 2 px each way.
constexpr const char* kMeasure = R"html(<!doctype html><body><pre id="result"></pre><script>
const linear = c => c <= 0.04045 ? c / 12.92 : Math.pow((c + 0.055) / 1.055, 2.4);
const luminance = css => {
  const hex = css[0] === '#' && css.length === 4 ? css.replace(/[0-9a-f]/g, '$&$&') : css;
  const [r, g, b] = (hex[0] === '#' ? [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16)) : hex.match(/[\d.]+/g))
                        .map(v => linear(v / 255));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
function pieces(doc, win) {
  const walker = doc.createTreeWalker(doc.body, NodeFilter.SHOW_TEXT), found = [];
  while (walker.nextNode()) {
    const node = walker.currentNode, owner = node.parentElement;
    if (!node.data.trim() || owner.closest('title, style, script')) continue;
    // checkVisibility() takes SVG text for visible even inside a group that is not displayed.
    let shown = true;
    for (let e = owner; e; e = e.parentElement) shown = shown && win.getComputedStyle(e).display !== 'none';
    if (!shown) continue;
    const range = doc.createRange();
    range.selectNodeContents(node);
    for (const full of range.getClientRects()) {
      let box = {left: full.left, right: full.right, top: full.top, bottom: full.bottom}, cut = false;
      for (let e = owner; e && e !== doc.body; e = e.parentElement) {
        const style = win.getComputedStyle(e);
        if (style.overflowX === 'visible') continue;
        const clip = e.getBoundingClientRect();
        const hidden = box.left < clip.left - 1 || box.right > clip.right + 1 || box.top < clip.top - 1 ||
                       box.bottom > clip.bottom + 1;
        if (hidden && style.overflowX === 'hidden' && style.textOverflow !== 'ellipsis') cut = true;
        box = {left: Math.max(box.left, clip.left), right: Math.min(box.right, clip.right),
               top: Math.max(box.top, clip.top), bottom: Math.min(box.bottom, clip.bottom)};
      }
      const style = win.getComputedStyle(owner);
      const ink = luminance(owner.namespaceURI.includes('svg') ? style.fill : style.color);
      // A name inside a bar stands on the bar's colour.
      const back = luminance(owner.matches('.name') ? style.getPropertyValue('--c').trim()
                                                    : win.getComputedStyle(doc.body).backgroundColor);
      found.push({node, text: node.data.trim().slice(0, 40), box, cut, size: parseFloat(style.fontSize),
                  contrast: (Math.max(ink, back) + 0.05) / (Math.min(ink, back) + 0.05)});
    }
  }
  return found;
}
function measure(frame) {
  const doc = frame.contentDocument, all = pieces(doc, frame.contentWindow), overlaps = [];
  const drawn = all.filter(p => p.box.right > p.box.left && p.box.bottom > p.box.top);
  for (let i = 0; i < drawn.length; ++i)
    for (let k = 0; k < i; ++k) {
      const a = drawn[i].box, b = drawn[k].box;
      if (drawn[i].node !== drawn[k].node && Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2 &&
          Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 2) overlaps.push(drawn[k].text + ' | ' + drawn[i].text);
    }
  return {width: frame.clientWidth, dark: frame.dataset.scheme === 'dark', pieces: drawn.length,
          scroll_width: doc.documentElement.scrollWidth, overlaps: overlaps.slice(0, 5),
          background: luminance(frame.contentWindow.getComputedStyle(doc.body).backgroundColor),
          clipped: drawn.filter(p => p.cut).map(p => p.text).slice(0, 5),
          smallest_text_px: Math.min(...drawn.map(p => p.size)),
          lowest_contrast: Math.min(...drawn.map(p => p.contrast))};
}
const frames = [];
for (const width of [1280, 400]) for (const scheme of ['light', 'dark']) {
  const frame = document.createElement('iframe');
  frame.dataset.scheme = scheme;
  frame.style = `width:${width}px;height:3000px;border:0;color-scheme:${scheme}`;
  frame.src = 'page.html';
  document.body.append(frame);
  frames.push(frame);
}
onload = () => {
  const screens = frames.map(measure), win = frames[0].contentWindow;
  let probed;
  try { probed = probe(win, win.document); } catch (error) { probed = {error: String(error)}; }
  document.getElementById('result').textContent = JSON.stringify({screens, probed});
};
</script>)html";

/// `probe`: the body of a JavaScript function of the page's window `win` and document `doc`; what it returns is
/// `probed`. Throws std::runtime_error if the browser gives no measurement.
inline Seen look_at(const std::string& html, const std::string& probe = "return null;") {
  namespace fs = std::filesystem;
  const fs::path folder = fs::temp_directory_path() / ("allot-browser-" + std::to_string(getpid()));
  fs::create_directories(folder);
  std::ofstream(folder / "page.html") << html;
  std::ofstream(folder / "measure.html") << kMeasure << "<script>function probe(win, doc) {" << probe
                                         << "}</script></body>";
  const std::string in = folder.string();
  const std::string command = "timeout 120 " + chromium() +
                              " --headless --no-sandbox --disable-gpu --enable-logging=stderr --hide-scrollbars"
                              " --allow-file-access-from-files --user-data-dir=" +
                              in + "/profile --dump-dom file://" + in + "/measure.html >" + in + "/dom 2>" + in +
                              "/log";
  const int status = std::system(command.c_str());
  Seen seen;
  std::stringstream log(read_all(folder / "log"));
  for (std::string line; std::getline(log, line);)
    if (line.find("CONSOLE") != std::string::npos) seen.console += line + "\n";
  const std::string dom = read_all(folder / "dom");
  fs::remove_all(folder);
  const size_t start = dom.find("<pre id=\"result\">"), end = dom.find("</pre>");
  if (status != 0 || start == dom.npos || end == dom.npos)
    throw std::runtime_error("Chromium gave no measurement: " + log.str().substr(0, 2000));
  std::string json = dom.substr(start + 17, end - start - 17);
  for (const auto& [entity, text] : {std::pair{"&lt;", "<"}, {"&gt;", ">"}, {"&amp;", "&"}})
    for (size_t i = json.find(entity); i != json.npos; i = json.find(entity, i + 1))
      json.replace(i, std::string(entity).size(), text);
  const nlohmann::json result = nlohmann::json::parse(json);
  seen.screens = result["screens"];
  seen.probed = result["probed"];
  return seen;
}

}  // namespace allot::test
