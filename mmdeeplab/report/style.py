"""The look of the pages: one accent colour, light and dark, from 400 pixels up."""

CSS = """
:root {
  color-scheme: light dark;
  --paper: #fbfbf9; --card: #ffffff; --ink: #1c1f23; --soft: #5c636b; --line: #e3e2dc;
  --track: #ecebe6; --accent: #0b6b74; --on-accent: #ffffff; --second: #b3541e; --wrong: #c7363e;
  --sans: system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif;
  --mono: ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171a; --card: #1b1f23; --ink: #e7e8e6; --soft: #9ba3ab; --line: #2c3238;
    --track: #272c31; --accent: #58bcc4; --on-accent: #0e1416; --second: #e8945c; --wrong: #ef6a70;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 3.5rem clamp(1rem, 4vw, 3rem) 4rem; max-width: 76rem;
  background: var(--paper); color: var(--ink); font: 400 1rem/1.55 var(--sans);
  font-variant-numeric: tabular-nums;
}
header { padding-bottom: 2rem; }
.eyebrow {
  margin: 0 0 .6rem; color: var(--accent); font-size: .8rem; font-weight: 600;
  letter-spacing: .08em; text-transform: uppercase;
}
h1 {
  margin: 0; font-size: clamp(1.5rem, 1.1rem + 2vw, 2.4rem); font-weight: 650; line-height: 1.15;
  letter-spacing: -.02em; overflow-wrap: anywhere;
}
.subtitle { margin: .7rem 0 0; color: var(--soft); }
h2 { margin: 0; font-size: 1.3rem; font-weight: 620; letter-spacing: -.01em; }
h3 { margin: 2rem 0 .8rem; font-size: 1rem; font-weight: 620; }
:is(.matrix, .charts) h3 { margin-top: 0; }
section { padding: 2.6rem 0 0; margin-top: 2.6rem; border-top: 1px solid var(--line); }
section:first-child { margin-top: 0; }
.lead { margin: .35rem 0 1.6rem; max-width: 46rem; color: var(--soft); text-wrap: pretty; }
.note { margin: 1.4rem 0 0; max-width: 44rem; color: var(--soft); font-size: .9rem; }
.callout {
  margin: 1.4rem 0 0; padding: .8rem 1.1rem; border-left: 3px solid var(--second);
  background: var(--card); border-radius: 0 .4rem .4rem 0;
}
a { color: var(--accent); }
code { font-family: var(--mono); font-size: .92em; }

.hero { display: grid; grid-template-columns: minmax(15rem, 1.1fr) 2fr; gap: 2.5rem; }
.headline { margin: 0; }
.headline b {
  display: block; font-size: clamp(3.6rem, 2.6rem + 5vw, 5.6rem); font-weight: 680;
  line-height: 1; letter-spacing: -.045em;
}
.headline span { display: block; margin-top: .6rem; }
.headline small { color: var(--soft); font-size: .9rem; }
.stats { display: grid; grid-template-columns: repeat(auto-fill, minmax(10.5rem, 1fr)); gap: 1rem; }
.stats { align-content: start; }
.stat {
  padding: .95rem 1.1rem 1rem; border: 1px solid var(--line); border-radius: .6rem;
  background: var(--card);
}
.stat span { color: var(--soft); font-size: .85rem; }
.stat b {
  display: block; margin: .1rem 0; font-size: 1.55rem; font-weight: 620; letter-spacing: -.02em;
}
.stat small { color: var(--soft); font-size: .8rem; white-space: nowrap; }

.bar {
  position: relative; display: block; min-width: 5rem; height: .6rem; border-radius: .3rem;
  background: var(--track);
}
.bar i { position: absolute; display: block; }
.bar .fill {
  left: 0; top: 0; height: 100%; border-radius: .3rem;
  background: color-mix(in srgb, var(--accent) 42%, var(--track));
}
.bar .whisker {
  top: calc(50% - 1.5px); height: 3px; border-radius: 2px; background: var(--accent);
}
.bar .point {
  top: calc(50% - .36rem); width: .72rem; height: .72rem; margin-left: -.36rem; border-radius: 50%;
  background: var(--accent); border: 2px solid var(--paper);
}
.b > .fill { background: color-mix(in srgb, var(--second) 42%, var(--track)); }
.b > .whisker, .b > .point { background: var(--second); }
.headline .bar { max-width: 20rem; margin: 1.1rem 0 0; height: .5rem; }

.scroll { overflow: auto; }
.tall > .scroll {
  max-height: 44rem; padding: 0 1rem; border: 1px solid var(--line); border-radius: .6rem;
}
table { width: 100%; border-collapse: collapse; font-size: .92rem; }
th, td { padding: .42rem .6rem; text-align: right; white-space: nowrap; font-weight: 400; }
thead th {
  position: sticky; top: 0; z-index: 1; background: var(--paper); color: var(--soft);
  font-size: .82rem; border-bottom: 1px solid var(--line);
}
tbody tr + tr > * { border-top: 1px solid color-mix(in srgb, var(--line) 55%, transparent); }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
th:last-child, td:last-child { padding-right: 0; }
table.classes :is(th, td):nth-child(2) { width: 38%; text-align: left; padding-left: 1.2rem; }
table.classes:not(.pair) td:nth-child(3) { font-weight: 620; }
.chip {
  display: inline-block; width: .72rem; height: .72rem; margin-right: .55rem; border-radius: .2rem;
  box-shadow: 0 0 0 1px color-mix(in srgb, var(--ink) 22%, transparent); vertical-align: -.05rem;
}
.run {
  display: grid; grid-template-columns: 1fr auto; max-width: 20rem; margin-top: 1rem;
  font-size: .9rem;
}
.headline .run > span { margin: 0; }
.headline .run .bar { grid-column: 1 / -1; margin-top: .3rem; }
.pair .bar { height: .4rem; } .pair .bar + .bar { margin-top: .3rem; }
.pair .point { display: none; }
.pair .fill { background: var(--accent); } .pair .b > .fill { background: var(--second); }
.wrap :is(td, th) { white-space: normal; overflow-wrap: anywhere; vertical-align: top; }
.wrap :is(th, td):not(:first-child) { width: 42%; text-align: left; }
.wrap tbody th { color: var(--soft); white-space: nowrap; }
.key { display: inline-block; width: 1.4rem; height: 3px; margin: 0 .5rem .25rem 0; }
.key.a { background: var(--accent); } .key.b { background: var(--second); }
.pale { color: var(--soft); }
.up, .down { font-weight: 620; } .down { color: var(--wrong); }

figure { margin: 0; min-width: 0; }
figcaption { margin-top: .5rem; color: var(--soft); font-size: .88rem; }
.charts {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); gap: 2rem;
}
.matrix {
  display: grid; grid-template-columns: minmax(0, max-content) minmax(15rem, 1fr); gap: 2.5rem;
}
.matrix.large { grid-template-columns: minmax(0, 1fr); }
.matrix.large ol { columns: 18rem; column-gap: 3rem; }
svg { display: block; max-width: 100%; height: auto; font-family: var(--sans); }
.scroll > svg { max-width: none; }
svg text { fill: var(--soft); font-size: 11px; }
svg .strong { fill: var(--ink); }
svg .grid { stroke: var(--line); stroke-width: 1; }
svg .line { fill: none; stroke: var(--accent); stroke-width: 2; stroke-linejoin: round; }
svg .faint { fill: none; stroke: var(--accent); stroke-width: 1; opacity: .3; }
svg .dot { fill: var(--accent); stroke: var(--paper); stroke-width: 1.5; }
svg .b.line { stroke: var(--second); } svg .b.dot { fill: var(--second); }
svg .rule { stroke: var(--soft); stroke-dasharray: 3 4; }
svg .cell { fill: var(--accent); }
svg .frame { fill: none; stroke: var(--line); }
svg text.on { fill: var(--on-accent); } svg text.in { fill: var(--ink); }
ol.plain { margin: 0; padding: 0; list-style: none; font-size: .92rem; }
ol.plain li {
  display: flex; justify-content: space-between; gap: 1rem; padding: .38rem 0;
  border-top: 1px solid color-mix(in srgb, var(--line) 70%, transparent);
}
ol.plain b { white-space: nowrap; }
ol.plain li:first-child { border-top: 0; }

.examples {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(min(30rem, 100%), 1fr)); gap: 2rem;
}
.panels { display: grid; grid-template-columns: repeat(4, 1fr); gap: .4rem; }
.panels div { font-size: .75rem; color: var(--soft); }
.panels img {
  display: block; width: 100%; border-radius: .3rem; background: var(--track);
  margin-bottom: .25rem;
}
.panels img.labels { image-rendering: pixelated; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1rem; }
.example b { color: var(--ink); font-weight: 620; }

.facts { margin: 0; }
.facts div {
  display: grid; grid-template-columns: minmax(8rem, 14rem) 1fr; gap: 1rem; padding: .42rem 0;
  border-top: 1px solid color-mix(in srgb, var(--line) 70%, transparent);
}
.facts div:first-child { border-top: 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
footer {
  margin-top: 3.5rem; padding-top: 1.4rem; border-top: 1px solid var(--line); color: var(--soft);
  font-size: .88rem;
}
:focus-visible { outline: 2px solid var(--accent); outline-offset: 3px; }
@media (max-width: 60rem) { .matrix { grid-template-columns: minmax(0, 1fr); } }
@media (max-width: 46rem) {
  body { padding-top: 2rem; }
  .hero { grid-template-columns: minmax(0, 1fr); gap: 1.8rem; }
  .stats { grid-template-columns: 1fr 1fr; }
  :is(th, td):has(> .wide), .words { display: none; }
  table.classes :is(th, td):nth-child(2) { width: 35%; padding-left: .4rem; }
  .panels { grid-template-columns: 1fr 1fr; }
  .facts div { grid-template-columns: 1fr; gap: 0; }
}
@media print { body { max-width: none; padding: 0; } .tall > .scroll { max-height: none; } }
"""
