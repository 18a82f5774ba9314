// SPDX-License-Identifier: Apache-2.0
#include "report/script.h"

namespace allot::report {

// Times inside are shares of the horizon, so that one window [from, to] serves bars, ticks and shades.
std::string_view script() {
  return R"js('use strict';
const kMostMagnified = 1e5, kTickPx = 110, kNamePx = 60, kCharacterPx = 6.9;
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

function element(name, attributes, parent) {
  const result = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const key in attributes) result.setAttribute(key, attributes[key]);
  parent.append(result);
  return result;
}

// 1, 2 or 5 times a power of ten.
function roundStep(raw) {
  const power = 10 ** Math.floor(Math.log10(raw)), digit = raw / power;
  return (digit < 1.5 ? 1 : digit < 3.5 ? 2 : digit < 7.5 ? 5 : 10) * power;
}

// Running sums of the stored differences, and how far right any span up to each reaches: spans may overlap.
function unpack(lane, quantum) {
  let start = 0, reach = 0;
  const spans = lane.text.map((text, i) => {
    start += lane.start[i] * quantum;
    const end = start + lane.length[i] * quantum;
    reach = Math.max(reach, end);
    return {start, end, reach, text, critical: false};
  });
  for (const i of lane.critical) spans[i].critical = true;
  return {...lane, spans};
}

// Index of the first span that may reach beyond `time`.
function firstBeyond(spans, time) {
  let low = 0, high = spans.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (spans[middle].reach > time) high = middle; else low = middle + 1;
  }
  return low;
}

class Timeline {
  constructor(root) {
    const data = JSON.parse(root.querySelector('script').textContent);
    this.horizon = data.horizon;
    this.unit = data.unit;
    this.lanes = data.lanes.map(lane => unpack(lane, data.quantum));
    this.root = root;
    this.frame = root.querySelector('.frame');
    this.svg = this.frame.querySelector('svg');
    this.rest = this.svg.querySelector('.rest');
    this.tip = root.querySelector('.tip');
    this.from = 0;
    this.to = 1;
    for (const still of this.svg.querySelectorAll('.still')) still.remove();
    if (data.complete) this.rest.replaceChildren();
    this.axis = element('g', {}, this.svg);
    this.svg.append(this.rest);
    this.bars = element('g', {}, this.svg);
    this.mark = element('rect', {class: 'mark', visibility: 'hidden'}, this.svg);
    root.querySelector('.zoom').hidden = false;
    this.listen();
    new ResizeObserver(() => this.draw()).observe(this.frame);
    this.draw();
  }

  get width() { return this.frame.clientWidth; }
  x(time) { return (time - this.from) / (this.to - this.from) * this.width; }
  time(x) { return this.from + x / this.width * (this.to - this.from); }

  show(from, to) {
    const length = clamp(to - from, 1 / kMostMagnified, 1);
    this.from = clamp(from, 0, 1 - length);
    this.to = this.from + length;
    this.forget();
    this.draw();
  }
  move(part) {
    const by = part * (this.to - this.from);
    this.show(this.from + by, this.to + by);
  }
  magnify(factor, x = this.width / 2) {
    const at = this.time(x), length = Math.max((this.to - this.from) / factor, 1 / kMostMagnified);
    const from = at - x / this.width * length;
    this.show(from, from + length);
  }

  draw() {
    this.rest.setAttribute('x', this.x(0));
    this.rest.setAttribute('width', this.x(1) - this.x(0));
    this.drawAxis();
    this.bars.replaceChildren();
    for (const lane of this.lanes) this.drawLane(lane);
  }

  drawAxis() {
    const length = this.horizon * (this.to - this.from), step = roundStep(length * kTickPx / this.width);
    const decimals = clamp(-Math.floor(Math.log10(step) + 1e-9), 0, 12), bottom = this.svg.clientHeight - 22;
    this.axis.replaceChildren();
    const last = Math.floor(this.to * this.horizon / step + 1e-9);
    for (let i = Math.ceil(this.from * this.horizon / step - 1e-9); i <= last; ++i) {
      const x = this.x(i * step / this.horizon), atRight = x > this.width - 24, atLeft = x < 24;
      element('line', {x1: x, x2: x, y1: 0, y2: bottom + 4, class: 'grid'}, this.axis);
      element('text', {x: clamp(x, 0, this.width), y: bottom + 18,
                       'text-anchor': atLeft ? 'start' : atRight ? 'end' : 'middle'}, this.axis)
          .textContent = i === 0 ? '0 ' + this.unit : (i * step).toFixed(decimals);
    }
    element('line', {x1: 0, x2: '100%', y1: bottom, y2: bottom, class: 'axis'}, this.axis);
  }

  // One path a lane; bars keep a gap to the next where there is room; those wide enough bear their name.
  drawLane(lane) {
    const bar = [], critical = [], named = [], middle = lane.top + lane.height / 2, under = lane.top + lane.height + 2;
    for (let i = firstBeyond(lane.spans, this.from); i < lane.spans.length && lane.spans[i].start < this.to; ++i) {
      const span = lane.spans[i];
      if (span.end < this.from) continue;
      const x = Math.max(this.x(span.start), -2), whole = Math.min(this.x(span.end), this.width + 2) - x;
      bar.push(`M${x.toFixed(2)} ${middle}h${Math.max(whole - clamp(whole / 5, 0, 1), .25).toFixed(2)}`);
      if (span.critical) critical.push(`M${x.toFixed(2)} ${under}h${Math.max(whole, .5).toFixed(2)}`);
      if (whole > kNamePx && lane.height > 12) named.push([Math.max(x, 0), Math.min(x + whole, this.width), span.text]);
    }
    const group = element('g', {class: lane.css}, this.bars);
    element('path', {class: 'bars', 'stroke-width': lane.height, d: bar.join('')}, group);
    element('path', {class: 'critical', d: critical.join('')}, group);
    for (const [x, end, text] of named) this.drawName(x, end, text, middle, group);
  }

  drawName(x, end, text, middle, group) {
    const name = text.split(' (')[0], room = Math.floor((end - x - 8) / kCharacterPx);
    if (room < 4) return;
    element('text', {class: 'name', x: x + 4, y: middle + 4}, group)
        .textContent = name.length <= room ? name : '…' + name.slice(1 - room);
  }

  // The span at a point of the chart: of those within two pixels the one that is nearest.
  at(x, y) {
    const lane = this.lanes[Math.floor(y / 24)];
    if (!lane) return null;
    const near = 2 * (this.to - this.from) / this.width, time = this.time(x), spans = lane.spans;
    let best = null, least = near;
    for (let i = firstBeyond(spans, time - near); i < spans.length && spans[i].start <= time + near; ++i) {
      const away = Math.max(spans[i].start - time, time - spans[i].end, 0);
      if (away < least || (best && away === 0)) { best = {lane, index: i}; least = away; }
    }
    return best;
  }

  // Marks a span and says what it is, above or below it, within the chart.
  tell(found) {
    this.told = found;
    if (!found) return this.forget();
    const {lane, index} = found, span = lane.spans[index];
    const x = clamp(this.x(span.start), 0, this.width), end = clamp(this.x(span.end), x, this.width);
    const mark = {x: x - 1, y: lane.top - 1, width: Math.max(end - x, 1) + 2, height: lane.height + 2};
    for (const key in mark) this.mark.setAttribute(key, mark[key]);
    this.mark.setAttribute('visibility', 'visible');
    this.tip.textContent = span.text + (span.critical ? '; on the critical chain' : '');
    this.tip.style.visibility = 'visible';
    const frame = this.frame.getBoundingClientRect(), root = this.root.getBoundingClientRect();
    const left = frame.left - root.left + x, top = frame.top - root.top + lane.top;
    this.tip.style.left = clamp(left, 0, Math.max(root.width - this.tip.offsetWidth, 0)) + 'px';
    const above = top - this.tip.offsetHeight - 6;
    this.tip.style.top = (above > 2 ? above : top + lane.height + 8) + 'px';
  }
  forget() {
    this.told = null;
    this.mark.setAttribute('visibility', 'hidden');
    this.tip.style.visibility = 'hidden';
  }

  // Tells of the next span of the same lane, or the previous one, and brings it into sight.
  step(by) {
    const lane = this.told ? this.told.lane : this.lanes.find(candidate => candidate.spans.length);
    if (!lane) return;
    const index = this.told ? clamp(this.told.index + by, 0, lane.spans.length - 1)
                            : firstBeyond(lane.spans, this.from);
    if (index >= lane.spans.length) return;
    const {start, end} = lane.spans[index], length = this.to - this.from;
    if (start < this.from || start > this.to) this.show((start + end - length) / 2, (start + end + length) / 2);
    this.tell({lane, index});
  }

  listen() {
    const point = event => {
      const box = this.svg.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    let dragged = null;
    this.frame.addEventListener('pointerdown', event => {
      if (event.button !== 0) return;
      dragged = {x: event.clientX, from: this.from, length: this.to - this.from};
      this.tell(this.at(...point(event)));
    });
    this.frame.addEventListener('pointermove', event => {
      if (!dragged) return this.tell(this.at(...point(event)));
      const by = event.clientX - dragged.x;
      if (Math.abs(by) < 3 && !this.frame.hasPointerCapture(event.pointerId)) return;
      this.frame.setPointerCapture(event.pointerId);
      const from = dragged.from - by / this.width * dragged.length;
      this.show(from, from + dragged.length);
    });
    for (const ending of ['pointerup', 'pointercancel']) addEventListener(ending, () => { dragged = null; });
    this.frame.addEventListener('pointerleave', event => { if (event.pointerType === 'mouse') this.forget(); });
    // A wheel scrolls the page unless the chart was chosen or Ctrl is held.
    this.frame.addEventListener('wheel', event => {
      if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        this.move((event.deltaX || event.deltaY) / this.width);
      } else if (event.ctrlKey || event.metaKey || document.activeElement === this.frame) {
        this.magnify(Math.exp(-event.deltaY / 300), point(event)[0]);
      } else {
        return;
      }
      event.preventDefault();
    }, {passive: false});
    const keys = {
      ArrowLeft: () => this.move(-.25), ArrowRight: () => this.move(.25),
      a: () => this.move(-.25), d: () => this.move(.25),
      '+': () => this.magnify(2), '=': () => this.magnify(2), w: () => this.magnify(2),
      '-': () => this.magnify(.5), s: () => this.magnify(.5), 0: () => this.show(0, 1), Home: () => this.show(0, 1),
      '.': () => this.step(1), ',': () => this.step(-1), Escape: () => this.forget(),
    };
    this.frame.addEventListener('keydown', event => {
      if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
      keys[event.key]();
      event.preventDefault();
    });
    for (const button of this.root.querySelectorAll('button'))
      button.addEventListener('click', () => keys[button.dataset.key]());
  }
}

for (const root of document.querySelectorAll('.timeline')) new Timeline(root);
)js";
}

}  // namespace allot::report
