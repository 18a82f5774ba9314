// SPDX-License-Identifier: Apache-2.0
#include "report/style.h"

#include "report/palette.h"

namespace allot::report {
namespace {

constexpr std::string_view kStyles = R"css(
:root {
  color-scheme: light dark;
  --back: #ffffff; --raised: #f5f6f8; --ink: #1b1f24; --quiet: #59626d; --rule: #dfe3e8; --grid: #eceef1;
  --accent: #2459b8; --bad: #b3261e; --neutral: #a9b1bb;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #14171c; --raised: #1c2027; --ink: #e6e9ed; --quiet: #9ba5b1; --rule: #323843; --grid: #232831;
    --accent: #7aaef8; --bad: #ff8a80; --neutral: #5f6976;
  }
}
.accent { --c: var(--accent) } .bad { --c: var(--bad) }

* { box-sizing: border-box }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100% }
body {
  margin: 0; background: var(--back); color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto,
  "Noto Sans", "DejaVu Sans", sans-serif; font-variant-numeric: tabular-nums;
}
main { max-width: 68rem; margin: 0 auto; padding: 2.5rem clamp(1rem, 4vw, 2.5rem) 3rem }
h1 { margin: 0; font-size: clamp(1.4rem, 4vw, 1.9rem); line-height: 1.2; font-weight: 650; letter-spacing: -.01em }
h1, h2, p, li, dd { overflow-wrap: anywhere }
h2 { margin: 0 0 .75rem; font-size: 1.05rem; font-weight: 650 }
p { margin: .5rem 0; max-width: 46rem }
section { margin-top: 2.25rem; padding-top: 1.5rem; border-top: 1px solid var(--rule) }
h3 { margin: 1.25rem 0 .5rem; font-size: .875rem; font-weight: 600 }
figure { margin: 0 }
small, .quiet { color: var(--quiet); font-size: .8125rem }
.lede { color: var(--quiet); font-size: 1.0625rem }
.bad-text { color: var(--bad) }
.chosen-text { color: var(--accent); font-weight: 600 }
code { font: .875em ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace }

.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); margin: 1.75rem 0 0; overflow: hidden;
  border: 1px solid var(--rule); border-radius: 8px }
.tiles > div { padding: .85rem 1rem; margin: 0 -1px -1px 0; border: 0 solid var(--rule); border-width: 0 1px 1px 0 }
.tiles dt { color: var(--quiet); font-size: .8125rem }
.tiles dd { margin: .1rem 0 0; font-size: 1.375rem; font-weight: 600; line-height: 1.3; letter-spacing: -.01em }
.tiles small { display: block; font-weight: 400; letter-spacing: 0; line-height: 1.4 }

.scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-size: .875rem }
th, td { padding: .4rem .75rem .4rem 0; text-align: left; vertical-align: baseline; border-bottom: 1px solid var(--grid) }
th { color: var(--quiet); font-size: .8125rem; font-weight: 500; white-space: nowrap; border-bottom-color: var(--rule) }
.n { text-align: right; white-space: nowrap }
.long { overflow-wrap: anywhere; min-width: 7rem }
.bars { width: 34%; min-width: 4.5rem }
.bars small { white-space: nowrap }
th:last-child, td:last-child { padding-right: 0 }
tr:last-child td { border-bottom: 0 }

.bar { position: relative; display: block; height: .75rem }
.bar:not(:only-child) { height: .4rem; margin: .2rem 0 .1rem }
.bar i { display: block; height: 100%; min-width: 1px; background: var(--pattern, none), var(--c, var(--neutral)); border-radius: 1px }
.bar i.cut { -webkit-mask: linear-gradient(90deg, #000 75%, transparent); mask: linear-gradient(90deg, #000 75%, transparent) }
.bar b { position: absolute; top: -.3rem; bottom: -.3rem; border-left: 2px solid var(--ink); margin-left: -1px }
.stack { display: flex; height: 1rem; margin: 0 0 .6rem }
.stack i { min-width: 1px; background: var(--pattern, none), var(--c, var(--neutral)); border-right: 1px solid var(--back) }
.hatched { background: repeating-linear-gradient(var(--angle, 135deg), var(--c) 0 2px, var(--back) 2px 4px) !important }
.share { display: grid; grid-template-columns: auto minmax(4rem, 12rem); gap: .25rem 1rem; align-items: center; max-width: none;
  width: fit-content; font-size: .875rem }
.share .bar { background: var(--grid); border-radius: 1px }
.keyed { display: inline-flex; align-items: baseline }
.keyed i { flex: none; width: .7em; height: .7em; margin-right: .45em; border-radius: 2px;
  background: var(--pattern, none), var(--c) }

svg.chart { display: block; overflow: visible }
.chart rect { fill: var(--c, var(--neutral)) }
.chart text { font-size: 12px; fill: var(--quiet) }
.chart .title { fill: var(--ink) }
.chart .halo { paint-order: stroke; stroke: var(--back); stroke-width: 3px; stroke-linejoin: round }
.chart .grid { stroke: var(--grid) }
.chart .axis { stroke: var(--rule) }
.chart .limit { stroke: var(--ink); stroke-dasharray: 5 4 }
.chart .curve { fill: none; stroke: var(--c); stroke-width: 2; stroke-linejoin: round }
.chart .curve.c1, .chart .curve.c5 { stroke-dasharray: 7 3 }
.chart .curve.c2, .chart .curve.c6 { stroke-dasharray: 2 3 }
.chart .curve.c3, .chart .curve.c7 { stroke-dasharray: 8 3 2 3 }
.chart .dot { fill: var(--c); fill-opacity: .8; stroke: var(--back); stroke-width: 1 }
.chart .dot:is(.p1, .p2, .p3) { fill: var(--back); stroke: var(--c); stroke-width: 2 }
.chart .dot:hover { stroke: var(--ink); stroke-width: 2 }
.chart .area { fill: var(--c); stroke: none }
.chart .faint { opacity: .3 }
.chart .solid { opacity: .75 }
.chart .spans { fill: none; stroke: var(--c, var(--neutral)); shape-rendering: crispEdges }
.chart .s1 { stroke-opacity: .25 } .chart .s2 { stroke-opacity: .5 } .chart .s3 { stroke-opacity: .75 }
.chart .ribbon { opacity: .45 }
.heat { max-width: 40rem }
.chart .h1 { fill-opacity: .1 } .chart .h2 { fill-opacity: .2 } .chart .h3 { fill-opacity: .3 }
.chart .h4 { fill-opacity: .4 } .chart .h5 { fill-opacity: .52 } .chart .h6 { fill-opacity: .64 }
.chart .h7 { fill-opacity: .76 } .chart .h8 { fill-opacity: .88 } .chart .h9 { fill-opacity: 1 }
.chart rect:hover, .chart .ribbon:hover { opacity: .85 }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; list-style: none; margin: 0 0 .5rem; padding: 0;
  font-size: .8125rem }
.legend small { margin-left: .4rem }

.zoom { display: flex; flex-wrap: wrap; gap: .25rem .4rem; align-items: center; max-width: none; margin: 0 0 .75rem;
  font-size: .8125rem; color: var(--quiet) }
.zoom > span { margin-left: .5rem }
[hidden] { display: none !important }
button { font: inherit; color: var(--ink); background: var(--raised); border: 1px solid var(--rule); border-radius: 4px;
  min-width: 1.9rem; padding: .05rem .5rem; cursor: pointer }
button:hover { border-color: var(--quiet) }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
.timeline { position: relative }
.plot { display: grid; grid-template-columns: minmax(5.5rem, 11rem) minmax(0, 1fr); column-gap: .75rem }
.lanes { list-style: none; margin: 0; padding: 0; font-size: .8125rem }
.lanes li { display: flex; align-items: center; height: 24px }
.lanes span { flex: 1; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.lanes small { padding-left: .5rem; font-size: .75rem }
.frame { overflow: hidden; touch-action: pan-y; cursor: crosshair }
.chart .bars { fill: none; stroke: var(--c, var(--neutral)) }
.chart .critical { fill: none; stroke: var(--ink); stroke-width: 2 }
.chart .name { fill: var(--on, #fff); pointer-events: none }
.chart .mark { fill: none; stroke: var(--ink); stroke-width: 1.5; pointer-events: none }
.tip { position: absolute; visibility: hidden; z-index: 1; max-width: min(26rem, 100%); padding: .3rem .55rem; font-size: .8125rem;
  line-height: 1.35; background: var(--ink); color: var(--back); border-radius: 4px; overflow-wrap: anywhere; pointer-events: none }
.narrow { display: none }

.flow { margin-top: 1.1rem; display: grid; grid-template-columns: minmax(0, 8rem) minmax(6rem, 1fr) minmax(0, 8rem); column-gap: .75rem }
.flow ul { position: relative; list-style: none; margin: 0; padding: 0; font-size: .8125rem; line-height: 1.3 }
.flow li { position: absolute; left: 0; right: 0; margin-top: -2px }
.flow .from { text-align: right }
.flow span, .flow small { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-size: .75rem }
.flow span { font-size: .8125rem }

.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr)); gap: 1.75rem 2rem }
.panels h3 { margin: 0 0 .4rem; font-size: .875rem; font-weight: 600; display: flex; align-items: baseline; flex-wrap: wrap }
.panels h3 small { margin-left: auto; padding-left: .5rem; font-weight: 400 }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.25rem; margin: 0; font-size: .875rem }
.facts dt { color: var(--quiet) }
.facts dd { margin: 0 }
.notes { margin: 0; padding-left: 1.1rem; font-size: .9375rem }
footer { margin-top: 2.25rem; padding-top: 1rem; border-top: 1px solid var(--rule); color: var(--quiet); font-size: .8125rem }

@media (max-width: 40rem) {
  .wide, .lanes small, .broad { display: none }
  .narrow { display: inline }
  .plot { grid-template-columns: 5.5rem minmax(0, 1fr); column-gap: .5rem }
  .lanes { font-size: .75rem }
  .flow { column-gap: .5rem; grid-template-columns: minmax(0, 5.5rem) minmax(4rem, 1fr) minmax(0, 5.5rem) }
  .share { grid-template-columns: 1fr }
  .tiles { grid-template-columns: repeat(2, minmax(0, 1fr)) }
  .tiles > div { padding: .7rem .8rem }
  .tiles dd { font-size: 1.2rem }
}
@media print { .zoom { display: none } section { break-inside: avoid } }
)css";

}  // namespace

std::string stylesheet() { return palette_css() + std::string(kStyles); }

}  // namespace allot::report
