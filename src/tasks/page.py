"""The page that `Evaluation` writes. What is data is escaped, and nothing comes from elsewhere."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path

from jinja2 import Environment
from pandas import DataFrame

# Text in this module, and not a file beside it: it counts as code, so an edit makes a new page.
TEMPLATE = """\
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>How often is the model right?</title>
<style>
  :root { color-scheme: light dark; --ink: #1d2328; --soft: #5b666f; --line: #dde2e6;
          --ground: #fff; --bar: #0072b2; --track: #eef1f4; --mark: #d55e00; }
  @media (prefers-color-scheme: dark) {
    :root { --ink: #e6eaed; --soft: #a2adb6; --line: #39424a; --ground: #14181b; --bar: #4da3d9;
            --track: #262d33; --mark: #f0843c; } }
  body { margin: 0 auto; padding: 40px 28px 56px; max-width: 960px; color: var(--ink);
         background: var(--ground); font: 15px/1.5 system-ui, "Segoe UI", Roboto, sans-serif;
         font-variant-numeric: tabular-nums; }
  h1 { margin: 0; font-size: 28px; line-height: 1.2; }
  h2 { margin: 38px 0 10px; font-size: 17px; }
  p { margin: 10px 0 0; max-width: 66ch; color: var(--soft); }
  b { color: var(--ink); }
  table { width: 100%; border-collapse: collapse; table-layout: fixed; }
  th, td { padding: 7px 14px 7px 0; border-bottom: 1px solid var(--line); text-align: right;
           overflow-wrap: anywhere; }
  th { color: var(--soft); font-size: 13px; font-weight: 500; vertical-align: bottom; }
  th:first-child, td:first-child, th:last-child { text-align: left; }
  td:first-child { font-weight: 600; }
  td:last-child, th:last-child { width: 42%; padding-right: 0; }
  .bar { position: relative; height: 16px; border-radius: 3px; background: var(--track); }
  .bar i { position: absolute; inset: 0 auto 0 0; border-radius: 3px; background: var(--bar); }
  .bar u { position: absolute; top: -3px; bottom: -3px; width: 2px; background: var(--mark);
           box-shadow: 0 0 0 2px var(--ground); }
  .key { display: inline-block; width: 2px; height: 14px; margin: 0 4px; background: var(--mark);
         vertical-align: -2px; }
  @media (max-width: 640px) { th, td { padding-right: 8px; }
           th:last-child, td:last-child, .bars { display: none; } }
  .pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr));
              gap: 20px; margin-top: 26px; }
  img { box-sizing: border-box; width: 100%; padding: 12px 12px 8px; border-radius: 8px;
        border: 1px solid var(--line); background: #fff; }
</style>
<h1>How often is the model right?</h1>
<p><b>{{ percent(found["right"].mean()) }}</b> of {{ "{:,}".format(found | length) }} passengers,
each predicted by a model that was fitted without them. Of the passengers
<b>{{ percent(found["survived"].mean()) }}</b> survived, and the model says so of
<b>{{ percent(found["predicted"].mean()) }}</b>.</p>
<div class="pictures">
{% for name, picture in pictures %}
<img src="data:image/png;base64,{{ picture }}" alt="{{ name }}">
{% endfor %}
</div>
{% for group, table in tables.items() %}
<h2>By {{ group }}</h2>
<table>
<tr><th>{{ group }}<th>passengers<th>survived<th>predicted to survive<th>predicted right<th>
{% for name, row in table.iterrows() %}
<tr><td>{{ name }}<td>{{ "{:,.0f}".format(row["passengers"]) }}<td>{{ percent(row["survived"]) }}
<td>{{ percent(row["predicted"]) }}<td>{{ percent(row["right"]) }}
<td><div class="bar"><i style="width: {{ 100 * row["right"] }}%"></i>
<u style="left: {{ 100 * found["right"].mean() }}%"></u></div>
{% endfor %}
</table>
{% endfor %}
<p class="bars">The line <span class="key"></span> in the bars is the share of all passengers.</p>
</html>
"""


def page(found: DataFrame, tables: Mapping[str, DataFrame], pictures: Sequence[Path]) -> str:
    """The page, as HTML.

    Args:
        found: for each passenger whether they `survived`, were `predicted` to, and this was
            `right`.
        tables: by the name of a column; for each of its values the shares of the same three, and
            how many `passengers` there are.
        pictures: PNG files.
    """
    template = Environment(autoescape=True, trim_blocks=True).from_string(TEMPLATE)
    embedded = [(path.stem, b64encode(path.read_bytes()).decode()) for path in pictures]
    return template.render(found=found, tables=tables, pictures=embedded, percent="{:.1%}".format)
